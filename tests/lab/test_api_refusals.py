"""What an API server says instead of what it was asked for, and how soon it is asked again."""

import api_faults
import pytest
from api_faults import refuse
from api_ground import POD_CIDR
from api_server import Answer, encode
from api_shared import ground, synced  # noqa: F401  (fixtures)
from lab import wait_until

WEB, MAIL = "192.0.2.1/32", "192.0.2.2/32"


def follows(ground):
    """The watch of Services works: a change is told."""
    ground.web("mail", "192.0.2.2")
    ground.neighbour.wait_route(MAIL)


def gaps(requests):
    """Seconds between them; as kbgpd counts whole milliseconds, one may be missing in each."""
    times = [each.at for each in requests]
    return [later - earlier + 0.001 for earlier, later in zip(times, times[1:])]


@pytest.mark.parametrize("fault", [
    api_faults.expired(), api_faults.error_event(410, "Expired"),
    api_faults.error_event(410, "Gone")],
    ids=["status", "event", "old event"])
def test_a_watch_of_a_history_that_is_gone(synced, fault):
    synced.server.on("watch services", fault)
    synced.bookmark_all()
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.asked("list services")) == 2, "another list")
    follows(synced)
    asked = [str(each) for each in synced.server.asked("* services")]
    assert asked == ["list services", "watch services", "watch services", "list services",
                     "watch services"]
    synced.wait_connected()
    assert WEB not in synced.neighbour.withdrawn


def test_a_continue_that_has_expired(ground):
    """The pages that were read are no list; it is read again, from etcd."""
    for number in range(1, 8):
        ground.web(f"web-{number}", f"192.0.2.{number}")
    server = ground.serve()
    server.cache, server.page_limit = False, 3
    server.on("continue services", api_faults.expired())
    ground.start()
    ground.wait_routes(POD_CIDR, *(f"192.0.2.{number}/32" for number in range(1, 8)))
    assert [str(each) for each in server.asked("* services")][:5] == [
        "list services", "continue services", "list services", "continue services",
        "continue services"]


def test_pages_that_always_expire(ground):
    """Where reading takes longer than etcd keeps a page, the list is taken in one piece."""
    for number in range(1, 8):
        ground.web(f"web-{number}", f"192.0.2.{number}")
    server = ground.serve()
    server.cache, server.page_limit = False, 3
    server.on("continue *", api_faults.expired(), times=None)
    ground.start()
    ground.wait_routes(POD_CIDR, *(f"192.0.2.{number}/32" for number in range(1, 8)))
    lists = server.asked("list services")
    assert len(lists) == 3 and "limit" not in lists[-1].query


def test_a_continue_that_is_not_known(ground):
    for number in range(1, 8):
        ground.web(f"web-{number}", f"192.0.2.{number}")
    server = ground.serve()
    server.cache, server.page_limit = False, 3
    server.on("continue services", refuse(400, "BadRequest", message="continue key is not valid"))
    ground.start()
    ground.wait_routes(POD_CIDR, *(f"192.0.2.{number}/32" for number in range(1, 8)))


@pytest.mark.parametrize("place", ["list services", "watch services"])
@pytest.mark.parametrize("code", [429, 503])
def test_the_server_says_how_long_to_wait(ground, place, code):
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.on(place, refuse(code, "TooManyRequests", retry_after=2))
    ground.start()
    ground.wait_routes(POD_CIDR, WEB)
    follows(ground)
    assert gaps(server.asked(place))[0] >= 2


def test_waits_become_longer(ground):
    """The n-th wait is at least the n-th half of twice the one before, and a lot of jitter."""
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.on("list services", refuse(500, "InternalError", message="etcdserver: no leader"),
              times=3)
    ground.start()
    ground.wait_error("listing Services: 500 etcdserver: no leader")
    ground.wait_routes(POD_CIDR, WEB)
    first, second, third = gaps(server.asked("list services"))[:3]
    assert first >= 0.25 and second >= 0.5 and third >= 1
    follows(ground)


@pytest.mark.parametrize("times", [1, 2])
def test_hang_ups(synced, times):
    """The server closes where an answer was expected: once at once, then after a while."""
    synced.server.on("watch services", api_faults.drop, times=times)
    synced.bookmark_all()
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.asked("watch services")) == 2 + times, "another watch")
    follows(synced)
    assert WEB not in synced.neighbour.withdrawn and len(synced.server.asked("list *")) == 3


@pytest.mark.parametrize("fault", [api_faults.cut_after(150), api_faults.shorten_to(150)],
                         ids=["cut", "ended"])
def test_a_watch_that_breaks_off_inside_of_an_event(synced, fault):
    synced.server.on("watch services", fault)
    synced.bookmark_all()
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.asked("watch services")) == 2, "another watch")
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, WEB, MAIL)
    assert WEB not in synced.neighbour.withdrawn
    # The half of an event has not been counted as seen.
    first, *_, last = synced.server.asked("watch services")
    assert int(last.query["resourceVersion"]) < synced.store.version
    assert first.query["resourceVersion"] <= last.query["resourceVersion"]


@pytest.mark.parametrize("fault, words", [
    (api_faults.page(502, "<html>Bad Gateway</html>"), ["listing Services: 502"]),
    (api_faults.page(200, "<html>Please log in</html>"), ["the answer is no JSON"]),
    (api_faults.redirect("https://10.0.2.9:6443/"), ["listing Services: 302"]),
    (api_faults.no_list(), ["the answer is no list of Services"]),
    (api_faults.body(b""), ["the answer is no list of Services"]),
    (api_faults.body(b"[]"), ["the answer is no JSON"]),
    (api_faults.body(encode({"kind": "ServiceList", "items": [], "metadata": {}})),
     ["metadata.resourceVersion"]),
    (api_faults.shorten_to(500), ["ends in the middle"]),
    (refuse(403, "Forbidden", message="services is forbidden"),
     ["403 services is forbidden", "give this user the right to list and watch it"]),
    (lambda _request, _answer: Answer(200, b"x" * 70000), ["the answer is no JSON"]),
], ids=["502", "login", "302", "pizza", "nothing", "array", "no version", "short", "403",
        "letters"])
def test_what_is_no_list_takes_nothing_away(synced, fault, words):
    """The trouble is told with a reason, once; what was known stays."""
    synced.store.compact()
    synced.server.on("list services", fault)
    synced.server.on("watch services", api_faults.expired())
    synced.bookmark_all()
    synced.server.end_watches()
    assert synced.wait_error(*words) in synced.kbgpd.process.output()
    assert WEB not in synced.neighbour.withdrawn
    follows(synced)
    synced.wait_routes(POD_CIDR, WEB, MAIL)
    assert WEB not in synced.neighbour.withdrawn
    # The server that a redirect names was given no token.
    assert synced.server.connection_count <= 4


def test_events_that_nobody_knows(synced):
    """Types and kinds of a later version are passed over; what is no event ends the watch."""
    say = synced.store.say
    say("services", encode({"type": "SOMETHING", "object": {"metadata": {}}}))
    say("services", encode({"type": "ADDED", "object": {"kind": "Pizza", "metadata": {}}}))
    follows(synced)
    say("services", encode({"type": "ADDED"}))
    wait_until(lambda: len(synced.server.asked("watch services")) == 2, "another watch")
    synced.web("chat", "192.0.2.3")
    synced.wait_routes(POD_CIDR, WEB, MAIL, "192.0.2.3/32")


def test_a_watch_that_is_refused_after_each_list_makes_no_storm(ground):
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.on("watch services", api_faults.expired(), times=4)
    ground.start()
    ground.wait_followed()
    follows(ground)
    watches, lists = (server.asked(f"{verb} services") for verb in ("watch", "list"))
    assert len(watches) == 5 and len(lists) <= 5
    # At once the first time only.
    assert all(gap >= 0.25 for gap in gaps(watches)[1:])
