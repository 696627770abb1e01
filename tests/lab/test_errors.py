"""What is said, and with which exit status, when something is wrong."""

import signal
import subprocess

import pytest

from daemons import Kbgpd
from lab import wait_until

GOOD = """\
router: {asn: 65001, routerID: 10.0.0.1}
peers:
- name: tor
  address: 10.0.0.254
  asn: 65000
"""


@pytest.fixture
def check(build, tmp_path):
    """Runs kbgpd -n on a text; returns (exit status, standard error with FILE for its name)."""
    def run(text):
        file = tmp_path / "kbgpd.yaml"
        file.write_text(text)
        done = subprocess.run([build / "kbgpd", "-n", "-c", file], check=False, text=True,
                              capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
        return done.returncode, (done.stderr + done.stdout).replace(str(file), "FILE")
    return run


def test_good_configuration(check):
    assert check(GOOD) == (0, "")


@pytest.mark.parametrize("text, place, words", [
    ("router: {asn: 65001}\nruoter: {}\n", "2:1", ["ruoter"]),
    ("router: {asn: many}\n", "1:15", ["asn"]),
    ("router: {asn: 4294967296}\n", "1:15", ["asn"]),
    ("router: {asn: 0}\n", "1:15", ["asn"]),
    ("router: [65001]\n", "1:9", ["router"]),
    ("router: {}\n", "1:9", ["asn"]),
    ("router: {asn: 65001\n", "2:1", []),
    ("router: {asn: 65001, asn: 65002}\n", "1:22", ["asn"]),
    (GOOD + "  holdTime: 90\n", "6:13", ["holdTime"]),
    (GOOD + "  holdTime: 2s\n", "6:13", ["holdTime"]),
    (GOOD + "  import: [nothing]\n", "6:12", ["nothing"]),
    (GOOD + "  ebgpMultihop: 2\n  ttlSecurity: 1\n", "7:16", ["ttlSecurity"]),
    (GOOD + "  interface: eth0\n", "6:3", ["interface", "address"]),
    (GOOD + "  role: lord\n", "6:9", ["role", "customer"]),
    (GOOD + "- name: tor\n  address: 10.0.0.253\n  asn: 65000\n", "6:9", ["tor"]),
    (GOOD.replace("10.0.0.254", "10.0.0.256"), "4:12", ["10.0.0.256"]),
    (GOOD + "advertisements:\n- {name: a, type: Prefix, prefixes: [10.0.0.1/24]}\n", "7:38", []),
    (GOOD + "advertisements:\n- {name: a, type: PodCIDR, peers: [tro]}\n", "7:36", ["tro"]),
    (GOOD + "advertisements:\n- {name: a, type: PodCIDR, communities: [web]}\n", "7:42", ["web"]),
])
def test_bad_configuration(check, text, place, words):
    status, message = check(text)
    assert status == 2
    assert message.startswith(f"FILE:{place}: "), message
    for word in words:
        assert word in message


@pytest.mark.parametrize("text, key", [
    (GOOD + "  bfd: {enabled: true}\n", "bfd"),
])
def test_not_supported_yet(check, text, key):
    status, message = check(text)
    assert status == 2
    assert "not supported yet" in message and key in message


def test_every_error_is_told(check):
    status, message = check("router: {asn: x}\nfib: {metric: y}\nlog: {level: loud}\n")
    assert status == 2
    assert [line.split(":")[1] for line in message.splitlines()] == ["1", "2", "3"]


def run(*argv):
    return subprocess.run([str(word) for word in argv], check=False, text=True,
                          capture_output=True, timeout=20, stdin=subprocess.DEVNULL)


def test_missing_configuration(build, tmp_path):
    done = run(build / "kbgpd", "-c", tmp_path / "none.yaml", "-s", tmp_path / "sock")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr and "No such file" in done.stderr


@pytest.mark.parametrize("program", ["kbgpd", "kbgpctl"])
def test_usage(build, program):
    done = run(build / program, "-?")
    assert done.returncode == 2
    assert program in done.stderr


def test_version(build):
    done = run(build / "kbgpd", "-V")
    assert done.returncode == 0
    assert done.stdout.startswith("kbgpd ")


def test_kbgpctl_without_a_daemon(build, tmp_path):
    done = run(build / "kbgpctl", "-s", tmp_path / "none.sock", "status")
    assert done.returncode == 1
    assert "none.sock" in done.stderr


def test_kbgpctl_requests(lab, build):
    host = lab.host("node")
    kbgpd = Kbgpd(host, build, GOOD + "  connectedCheck: false\n")

    def ctl(*words):
        done = run(*host.enter(build / "kbgpctl", "-s", kbgpd.control, *words))
        return done.returncode, done.stdout, done.stderr

    for words in (["status"], ["peers"], ["peers", "tor"], ["routes"], ["advertisements"],
                  ["fib"], ["nexthops"], ["clear", "tor"], ["clear", "all"], ["reload"]):
        for form in ("table", "json"):
            status, _, said = ctl("-o", form, *words)
            assert (status, said) == (0, ""), f"{words}: {said}"

    status, out, said = ctl("peers", "nobody")
    assert (status, out) == (1, "") and "nobody" in said
    status, out, said = ctl("routes", "10.0.0.0/33")
    assert status in (1, 2) and out == "" and "10.0.0.0/33" in said
    for words in (["frobnicate"], [], ["-o", "xml", "peers"], ["clear"], ["routes", "--peer"]):
        status, out, said = ctl(*words)
        assert status == 2 and out == "" and said, words


def test_second_daemon_on_the_same_socket(lab, build):
    host = lab.host("node")
    kbgpd = Kbgpd(host, build, GOOD)
    done = run(*host.enter(build / "kbgpd", "-c", kbgpd.file, "-s", kbgpd.control))
    assert done.returncode == 1
    assert str(kbgpd.control) in done.stderr
    assert kbgpd.ctl("status")


def test_metrics_and_health(lab, build):
    host = lab.host("node")
    Kbgpd(host, build, GOOD)
    metrics = wait_until(lambda: host.run("curl", "-sf", "http://127.0.0.1:7473/metrics"))
    assert 'kbgpd_peer_up{peer="tor"} 0' in metrics
    assert "kbgpd_config_stale 0" in metrics
    assert host.succeeds("curl", "-sf", "http://[::1]:7473/healthz")
    # Every sample has a type, and no metric is told twice.
    names = [line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_signals_stop_cleanly(lab, build):
    for number in (signal.SIGTERM, signal.SIGINT):
        host = lab.host(f"node-{number}")
        kbgpd = Kbgpd(host, build, GOOD)
        assert kbgpd.stop(number) == 0
        assert not kbgpd.control.exists()
