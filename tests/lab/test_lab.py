"""The lab library itself: BIRD and FRR talk to each other, and nothing is left behind."""

import os
import subprocess

import pytest

from daemons import Bird, Frr, Session
from lab import CommandFailed, Host, Lab, wait_until


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
def test_bird_and_frr(lab, transport):
    bird_address, frr_address = {
        "ipv4": ("10.0.0.1", "10.0.0.2"), "ipv6": ("2001:db8::1", "2001:db8::2")}[transport]
    bird_host, frr_host = lab.host("bird"), lab.host("frr")
    lab.link(bird_host, frr_host, ["10.0.0.1/24", "2001:db8::1/64"],
             ["10.0.0.2/24", "2001:db8::2/64"])
    bird_host.address("lo", "10.1.0.1/32", "2001:db8:1::1/128")
    frr_host.address("lo", "10.2.0.1/32", "2001:db8:2::1/128")
    bird = Bird(bird_host, 65001, "10.0.0.1",
                [Session(frr_address, 65002, bird_address, "secret", transport == "ipv6")],
                ["10.1.0.0/24", "2001:db8:1::/48"])
    frr = Frr(frr_host, 65002, "10.0.0.2",
              [Session(bird_address, 65001, frr_address, "secret", transport == "ipv6")],
              ["10.2.0.0/24", "2001:db8:2::/48"])
    bird.wait_established()
    frr.wait_established()

    path = wait_until(lambda: bird.path("10.2.0.0/24"))
    assert (path.as_path, path.origin) == ([65002], "IGP")
    assert wait_until(lambda: bird.path("2001:db8:2::/48")).as_path == [65002]
    assert wait_until(lambda: frr.path("10.1.0.0/24")).as_path == [65001]
    assert wait_until(lambda: frr.path("2001:db8:1::/48")).as_path == [65001]
    wait_until(lambda: bird_host.ping("10.2.0.1", "10.1.0.1"), "ping")
    wait_until(lambda: bird_host.ping("2001:db8:2::1", "2001:db8:1::1"), "ping of IPv6")

    bird.withdraw("10.1.0.0/24")
    wait_until(lambda: not frr.paths("10.1.0.0/24"))
    frr.withdraw("10.2.0.0/24")
    wait_until(lambda: not bird.paths("10.2.0.0/24"))
    assert bird.established() and frr.established()

    since = bird.since()
    frr.restart()
    wait_until(lambda: bird.since() != since and bird.established())
    assert wait_until(lambda: bird.path("2001:db8:2::/48"))


def test_switch_and_web_server(lab):
    a, b, switch = lab.host("a"), lab.host("b"), lab.switch("switch")
    lab.plug(a, switch, "10.0.0.1/24")
    lab.plug(b, switch, "10.0.0.2/24")
    b.serve("hello")
    assert wait_until(lambda: a.fetch("10.0.0.2")) == "hello"


def namespaces():
    return subprocess.run(["ip", "netns", "list"], check=True, capture_output=True,
                          text=True).stdout


def test_nothing_is_left():
    with Lab() as lab:
        host = lab.host("a")
        process = host.start("sleep", "sleep", "1000")
        assert host.namespace in namespaces()
        assert process.running()
    assert host.namespace not in namespaces()
    assert not process.running()
    assert not os.path.exists(lab.folder)


def test_nothing_is_left_of_a_host_that_could_not_be_made(monkeypatch):
    monkeypatch.setitem(Host.SYSCTLS, "net/there/is/none", "1")
    with pytest.raises(CommandFailed), Lab() as lab:
        lab.host("a")
    assert f"{lab.prefix}-a" not in namespaces()


def test_wait_until_says_why():
    def never():
        raise LookupError("there is none")
    with pytest.raises(AssertionError, match="the answer: not after 0 s: .*there is none"):
        wait_until(never, "the answer", patience=0)
