"""How sessions are protected and ended: RFC 2385, 5082, 4486, 9003, 8212.

Every answer is compared byte for byte; see wire.py for the lab.
"""

import signal
import socket

import pytest

import scripted
from lab import CommandFailed, wait_until
from scripted import capability, notification
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE, NODE_ASN, OWN, PASSWORD, Ground, address_of, peer_entry


# RFC 2385: TCP MD5, IPv4; sessions.py has it with daemons and over IPv6


def test_rfc2385_2_session_with_the_password(ground):
    ground.neighbour("signed", password=PASSWORD).to_established()


@pytest.mark.parametrize("password", ["wrong", None])
def test_rfc2385_2_bad_digest_is_dropped_in_silence(ground, password):
    """Not even a reset comes back."""
    number = ground.take("signed")
    with pytest.raises(TimeoutError):
        scripted.connect(ground.host, address_of("signed", number), NODE, password=password,
                         patience=1.5)
    assert ground.kbgpd.ctl("peers", f"signed{number}")[0]["state"] == "Active"


def test_rfc2385_2_digest_that_we_do_not_ask_for(ground):
    number = ground.take("ebgp")
    with pytest.raises(TimeoutError):
        scripted.connect(ground.host, address_of("ebgp", number), NODE, password=PASSWORD,
                         patience=1.5)


# RFC 5082: GTSM

IP_MINTTL = (socket.IPPROTO_IP, 21, 255)


def test_rfc5082_3_what_is_sent_has_ttl_255(ground):
    """The neighbour asks for the same, from the SYN on."""
    neighbour = ground.neighbour("secure", options=[IP_MINTTL, (
        socket.IPPROTO_IP, socket.IP_TTL, 255)])
    neighbour.to_established()


def test_rfc5082_3_what_came_over_a_router_is_dropped_in_silence(ground):
    """It is not even heard, whatever came before."""
    neighbour = ground.neighbour("secure", options=[(
        socket.IPPROTO_IP, socket.IP_TTL, 255)]).to_open_sent()
    neighbour.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 254)
    neighbour.send(neighbour.open_message())
    neighbour.stays_silent(0.5)
    neighbour.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    neighbour.expect(scripted.KEEPALIVE)


def test_rfc5082_3_connection_over_a_router_comes_to_nothing(ground):
    """Nothing is taken of what it says before it is accepted, however quick it is."""
    neighbour = ground.neighbour("secure", options=[(socket.IPPROTO_IP, socket.IP_TTL, 254)])
    neighbour.send(neighbour.open_message(), KEEP)
    with pytest.raises((TimeoutError, scripted.Closed)):
        while neighbour.receive(1)[0] == scripted.OPEN:
            pass
    assert ground.peer(neighbour)["state"] != "Established"


# RFC 4486: why a session ends


def test_rfc4486_4_maximum_number_of_prefixes(ground):
    neighbour = ground.established("limited")
    neighbour.announce("10.150.0.0/24", "10.150.1.0/24", "10.150.2.0/24")
    neighbour.expect_notification(6, 1)


def test_rfc4486_4_administrative_shutdown(ground):
    neighbour = ground.established()
    ground.kbgpd.ctl_text("shutdown", neighbour.name)
    neighbour.expect_notification(6, 2)
    number = int(neighbour.name.removeprefix("ebgp"))
    refused = ground.neighbour("ebgp", number)
    with pytest.raises(scripted.Closed):
        refused.receive()
    ground.kbgpd.ctl_text("enable", neighbour.name)
    ground.neighbour("ebgp", number).to_established()


def test_rfc4486_4_administrative_reset(ground):
    neighbour = ground.established()
    ground.kbgpd.ctl_text("clear", neighbour.name, "--hard")
    neighbour.expect_notification(6, 4)


def test_rfc4486_4_peer_that_is_gone_and_one_that_has_changed(own_lab, build):
    """Peer De-configured and Other Configuration Change; the third has no part in it."""
    ground = Ground(own_lab, build, {"ebgp": 3})
    gone, changed, kept = (ground.established() for _ in range(3))
    text = ground.kbgpd.file.read_text()
    second = peer_entry("ebgp", 2)
    ground.kbgpd.configure(text.replace(peer_entry("ebgp", 1), "").replace(
        second, second.replace("passive: true", "passive: true, families: [ipv4]")))
    gone.expect_notification(6, 3)
    changed.expect_notification(6, 6)
    kept.announce(kept.prefix)
    wait_until(lambda: ground.peer(kept)["families"]["ipv4"]["accepted"] == 1, "the third lives")


def test_rfc4486_4_connection_collision(ground):
    first = ground.neighbour().to_open_sent()
    second = ground.neighbour("ebgp", int(first.name.removeprefix("ebgp")))
    first.expect_notification(6, 7)
    second.to_established()


# RFC 9003: and in words


@pytest.mark.parametrize("command, subcode", [("shutdown", 2), ("clear", 4)])
def test_rfc9003_2_text_of_an_operator_is_sent(ground, command, subcode):
    neighbour = ground.established()
    ground.kbgpd.ctl_text(command, neighbour.name, "--message", "für heute genug")
    text = "für heute genug".encode()
    neighbour.expect_notification(6, subcode, bytes([len(text)]) + text)


def test_rfc9003_2_text_of_255_octets(ground):
    """A longer one is refused where it is said."""
    neighbour = ground.established()
    text = "x" + "ü" * 127
    with pytest.raises(CommandFailed, match="255"):
        ground.kbgpd.ctl_text("shutdown", neighbour.name, "--message", text + "x")
    ground.kbgpd.ctl_text("shutdown", neighbour.name, "--message", text)
    neighbour.expect_notification(6, 2, b"\xff" + text.encode())


def test_rfc9003_2_end_of_the_daemon(own_lab, build):
    ground = Ground(own_lab, build, {"ebgp": 2})
    neighbour, silent = ground.established(), ground.neighbour().to_open_sent()
    ground.kbgpd.process.send(signal.SIGTERM)
    text = b"\x11kbgpd is stopping"
    neighbour.expect_notification(6, 2, text)
    silent.expect_notification(6, 2, text)
    assert ground.kbgpd.process.popen.wait(20) == 0


@pytest.mark.parametrize("subcode, words", [
    (2, "Administrative Shutdown: back at nö"), (4, "Administrative Reset: back at nö")])
def test_rfc9003_2_text_of_a_neighbour_is_shown(ground, subcode, words):
    neighbour = ground.established()
    text = "back at nö".encode()
    neighbour.send(notification(6, subcode, bytes([len(text)]) + text))
    neighbour.expect_close()
    wait_until(lambda: words in (ground.peer(neighbour)["lastError"] or ""), "the text")


@pytest.mark.parametrize("data", [
    b"\xffshort", b"\x03long than said", b"\x02\xff\xfe", b"\x03\xed\xa0\x80", b"\x02\xc0\x80",
    b"\x04a\nb\x1b", b""],
    ids=["longer than the data", "shorter", "no UTF-8", "surrogate", "not the shortest form",
         "control characters", "none"])
def test_rfc9003_4_malformed_text_harms_nobody(ground, data):
    """It is never interpreted; the NOTIFICATION counts all the same."""
    neighbour = ground.established()
    neighbour.send(notification(6, 2, data))
    neighbour.expect_close()
    ground.wait_failure(neighbour, "received", 6, 2)
    said = ground.peer(neighbour)["lastError"]
    assert "Administrative Shutdown" in said and said.isprintable()


# RFC 8212: no policy, no routes


def test_rfc8212_3_nothing_is_accepted_without_an_import_policy(ground):
    neighbour = ground.established("plain")
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["received"] == 1, "the route")
    assert ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 0
    assert not ground.path(neighbour.prefix, neighbour)["best"]


def test_rfc8212_3_nothing_learned_is_sent_without_an_export_policy(ground):
    """What is configured to be advertised is."""
    plain = ground.established("plain")
    assert set(plain.routes) == OWN
    neighbour, observer = ground.established(), ground.established("observer")
    neighbour.announce(neighbour.prefix)
    assert observer.wait_route(neighbour.prefix).asns()[0] == NODE_ASN
    plain.stays_silent(0.3)


# RFC 8538: Hard Reset, where a Cease would keep routes


def restarting(ground, flags):
    """A neighbour that has announced graceful restart, with these flags."""
    neighbour = ground.neighbour()
    return neighbour.to_established(capabilities=neighbour.capabilities() + capability(
        64, bytes([flags, 120]) + b"\0\1\1\0"))


@pytest.mark.parametrize("flags", [0, 0x40])
def test_rfc8538_3_1_no_hard_reset_unless_agreed_upon(ground, flags):
    """Both must have announced the N bit, and we keep no routes yet."""
    neighbour = restarting(ground, flags)
    ground.kbgpd.ctl_text("shutdown", neighbour.name, "--message", "later")
    neighbour.expect_notification(6, 2, b"\5later")


def test_rfc8538_3_1_hard_reset_of_a_neighbour_is_shown(ground):
    neighbour = restarting(ground, 0x40)
    neighbour.send(notification(6, 9, b"\6\2\3now"))
    neighbour.expect_close()
    wait_until(lambda: "Administrative Shutdown: now" in (
        ground.peer(neighbour)["lastError"] or ""), "what is inside")
