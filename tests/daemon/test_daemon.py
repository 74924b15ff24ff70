"""`regulars start` as a process: it ticks, serves, is alone, and ends well."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.given import daemon, links, log, regulars, workspace
from tests.kill.process import running_sendgrid, until


def test_it_ticks_at_once_and_serves_what_the_mails_lead_to(tmp_path: Path) -> None:
    with daemon(workspace(tmp_path)) as running:
        until(running.ticked, of="the first tick")
        assert running.get("/healthz") == (200, '{"status":"ok"}')
        survey, unsubscribe = links(tmp_path, "s")[0], links(tmp_path, "u")[-1]
        assert running.get(survey)[0] == 200
        assert running.post(survey, {"score": "9", "comment": "Fine"})[0] == 200
        assert running.post(unsubscribe, {"topic": "all"})[0] == 200
        assert running.stop() == 0
    sends = [row["send"] for row in log(tmp_path) if row["send"]]
    assert len(sends) == 6
    assert [send["answered"] for send in sends if send["answered"] is not None] == [9]
    assert len([send for send in sends if send["unsubscribed"]]) == 1


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with daemon(workspace(tmp_path)) as running:
        second = regulars(tmp_path, "start", "--port", "0")
        assert second.returncode == 4
        assert second.stderr == f"a daemon runs on this workspace already, with pid {running.process.pid}\n"
        assert running.get("/healthz")[0] == 200


def test_when_told_to_stop_it_finishes_the_batch_in_hand(tmp_path: Path) -> None:
    with running_sendgrid(tmp_path, latency_ms=500) as sendgrid:
        mail = {"type": "sendgrid", "api_key": "SG.loopback", "base_url": sendgrid.url}
        with daemon(workspace(tmp_path, mail=mail)) as running:
            until(lambda: sendgrid.mails("acme.example"), of="the first mail")
            assert running.stop() == 0
            assert running.records("stopped")
        accepted = [row["step"] for row in log(tmp_path) if row["send"] and row["send"]["state"] == "accepted"]
        assert accepted == ["wishes"] * 3
        assert len(sendgrid.mails("acme.example")) == 3
        with daemon(tmp_path) as running:
            until(running.ticked, of="the rest")
        assert len(sendgrid.mails("acme.example")) == 6


def test_a_rehearsal_does_not_become_real_by_starting_the_daemon(tmp_path: Path) -> None:
    assert regulars(workspace(tmp_path), "run", "--at", "2026-05-04T12:00").returncode == 0
    refused = regulars(tmp_path, "start", "--port", "0")
    assert refused.returncode == 4
    assert "simulated clock" in refused.stderr


def test_a_port_that_is_taken_is_told_in_words(tmp_path: Path) -> None:
    with daemon(workspace(tmp_path / "one")) as running:
        port = running.address.rpartition(":")[2]
        refused = regulars(workspace(tmp_path / "other"), "start", "--port", port)
    assert refused.returncode == 4
    assert f"port {port} on 127.0.0.1 is taken; choose another with --port" in refused.stderr


def test_a_broken_playbook_is_told_and_the_others_run(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "playbooks/broken.yaml").write_text("name: Broken\nactions: []\n")
    with daemon(tmp_path) as running:
        (ticked,) = until(running.ticked, of="the first tick")
        assert ticked["exit_code"] == 4
        assert ticked["accepted"] == 6
        assert any(record["message"].startswith("playbooks/broken.yaml:") for record in running.records("tick"))


def test_json_stays_clean_while_the_log_complains(tmp_path: Path) -> None:
    crm = {"type": "hubspot", "token": "pat-test", "base_url": "http://127.0.0.1:9"}
    told = regulars(workspace(tmp_path, crm=crm), "run", "--json")
    assert told.returncode == 3
    assert json.loads(told.stdout)
    assert all(json.loads(line)["level"] == "warning" for line in told.stderr.splitlines() if line.startswith("{"))


def test_a_copy_of_a_real_store_shows_what_another_day_would_bring(tmp_path: Path) -> None:
    assert regulars(workspace(tmp_path / "real"), "run").returncode == 0
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere/copy.db"
    told = regulars(tmp_path / "real", "run", "--at", "2100-01-01T12:00", "--copy", str(copy))
    assert told.returncode == 0, told.stderr
    assert copy.exists()
