"""What an API server can do wrong: faults for ApiServer.on().

A fault takes the request and the answer that it would get, and returns what it gets; Hung and
Broken say that it gets nothing, or nothing more.
"""

import dataclasses

from api_server import Answer, Broken, Hung, encode, event, refusal, status


def refuse(code, reason="", retry_after=None, message="", **details):
    def fault(_request, _answer):
        answer = refusal(code, reason, message, **details)
        if retry_after is not None:
            answer.headers["Retry-After"] = retry_after
        return answer
    return fault


def expired():
    return refuse(410, "Expired", message="too old resource version: 1 (1000)")


def page(code, text):
    """What a proxy in between says: a page for people."""
    return lambda _request, _answer: Answer(
        code, text.encode(), {"Content-Type": "text/html"}, close=True)


def redirect(location):
    return lambda _request, _answer: Answer(302, b"", {"Location": location})


def body(data):
    """200 with this body."""
    return lambda _request, _answer: Answer(200, data)


def error_event(code, reason="", message="", **details):
    """A watch that begins well and says in its first event that it cannot be."""
    def pieces():
        yield event("ERROR", status(code, reason, message, **details))
    return lambda _request, _answer: Answer(200, pieces())


def events(*values):
    """A watch of these bytes, which then ends."""
    return lambda _request, _answer: Answer(200, iterate(values))


def iterate(values):
    yield from values


def hang(_request, _answer):
    """Takes the request and never answers."""
    raise Hung


def drop(_request, _answer):
    """Takes the request and closes."""
    raise Broken


def pieces_of(answer):
    return iterate([answer.body]) if isinstance(answer.body, bytes) else answer.body


def replace_body(answer, pieces):
    headers = {key: value for key, value in answer.headers.items() if key != "Content-Length"}
    return dataclasses.replace(answer, body=pieces, headers=headers)


def crumbs(size=1):
    """The same bytes, in chunks of so many: borders are in the middle of characters and words."""
    def pieces(whole):
        for piece in whole:
            yield from (piece[at:at + size] for at in range(0, len(piece), size))
    return lambda _request, answer: replace_body(answer, pieces(pieces_of(answer)))


def ends_after(count, ending):
    def pieces(whole):
        left = count
        for piece in whole:
            if len(piece) >= left:
                yield from ending(piece[:left])
                return
            left -= len(piece)
            yield piece
    return lambda _request, answer: replace_body(answer, pieces(pieces_of(answer)))


def cut_after(count):
    """So many bytes of the body, and then the connection ends in the middle of a chunk."""
    def ending(last):
        raise Broken(last)
        yield
    return ends_after(count, ending)


def hang_after(count):
    """So many bytes of the body, and then nothing."""
    def ending(last):
        yield last
        raise Hung
    return ends_after(count, ending)


def shorten_to(count):
    """So many bytes of the body, which ends as if that were all."""
    def ending(last):
        yield last
    return ends_after(count, ending)


def change(old, new):
    """Another text in a body that comes in one piece."""
    def fault(_request, answer):
        assert old in answer.body, f"{old} is not in the answer"
        return dataclasses.replace(answer, body=answer.body.replace(old, new))
    return fault


def no_list(kind="Pizza"):
    return body(encode({"kind": kind, "apiVersion": "v1", "metadata": {}, "items": []}))


def close_after(_request, answer):
    """The answer, and the connection closes in order."""
    return dataclasses.replace(answer, close=True)
