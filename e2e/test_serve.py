"""`lambkin serve` itself: configuration, the data folder, keys, users."""

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from harness.server import BINARY, Server


def run(*arguments, env=None, timeout=15):
    return subprocess.run([BINARY, *arguments], text=True, capture_output=True, timeout=timeout,
                          env=os.environ | (env or {}))


def test_version_and_help():
    assert run("--version").stdout.startswith("lambkin ")
    shown = run("serve", "--help").stdout
    for word in ("--listen", "--data-dir", "--user", "--allow-host", "--config", "127.0.0.1:9550"):
        assert word in shown


def test_a_busy_port_names_its_holder(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        done = run("serve", "--listen", f"127.0.0.1:{holder.getsockname()[1]}", "--data-dir", tmp_path / "d",
                   env={"LAMBKIN_MASTER_KEY_FILE": str(tmp_path / "k")})
    assert done.returncode != 0
    assert str(os.getpid()) in done.stderr


def test_the_data_folder_has_one_owner(own_server, tmp_path):
    done = run("serve", "--listen", "127.0.0.1:0", "--data-dir", own_server.data,
               env={"LAMBKIN_MASTER_KEY_FILE": str(own_server.folder / "master.key")})
    assert done.returncode != 0
    assert f"{own_server.data} is in use by process {own_server.process.pid}" in done.stderr


def test_a_failed_write_is_told_once_and_with_its_place(tmp_path):
    (tmp_path / "d/runtimes").mkdir(parents=True)
    (tmp_path / "d/runtimes/bootstrap").touch()
    done = run("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "d",
               env={"LAMBKIN_MASTER_KEY_FILE": str(tmp_path / "k")})
    assert done.returncode != 0
    assert str(tmp_path / "d/runtimes") in done.stderr and done.stderr.count("os error") == 1


def test_a_newer_schema_is_refused(own_server):
    own_server.stop()
    (own_server.data / "VERSION").write_text("999999\n")
    with pytest.raises(AssertionError) as caught:
        own_server.start()
    assert "999999" in str(caught.value)


def test_a_folder_of_others_is_left_as_it_is(tmp_path):
    folder = tmp_path / "home"
    (folder / "logs").mkdir(parents=True)
    folder.chmod(0o755)
    before = [(p, p.stat().st_mode, p.stat().st_uid, p.stat().st_ctime_ns) for p in (folder, folder / "logs")]
    done = run("serve", "--listen", "127.0.0.1:0", "--data-dir", folder,
               env={"LAMBKIN_MASTER_KEY_FILE": str(tmp_path / "k")})
    assert done.returncode != 0
    assert str(folder) in done.stderr and "--data-dir" in done.stderr
    assert before == [(p, p.stat().st_mode, p.stat().st_uid, p.stat().st_ctime_ns) for p in (folder, folder / "logs")]
    assert os.listdir(folder) == ["logs"] and not (tmp_path / "k").exists()


def test_first_start_makes_keys_shows_them_once_and_keeps_them(tmp_path):
    server = Server(tmp_path)
    env = {k: v for k, v in server.env().items() if not k.startswith("AWS_")}
    env["LAMBKIN_MASTER_KEY_FILE"] = str(tmp_path / "k")
    logs = []
    for _ in range(2):
        with open(tmp_path / "server.log", "wb") as out:
            process = subprocess.Popen([BINARY, "serve", "--listen", f"127.0.0.1:{server.port}", "--data-dir",
                                        server.data], env=env, stdout=out, stderr=out)
            server.process = process
            server.wait_ready()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        logs.append(server.log())
    file = server.data / "credentials"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = [l.split("=", 1)[1].strip() for l in file.read_text().splitlines() if "secret" in l][0]
    assert secret in logs[0] and secret not in logs[1]


def test_the_master_key_is_outside_and_needed(own_server):
    from conftest import Deployer
    client = own_server.client()
    marker = "marker-that-must-not-be-readable-on-disk"
    name = Deployer(client)({"index.py": f"# {marker}\ndef handler(e, c): return 1\n"},
                            Environment={"Variables": {"SECRET": marker}})
    own_server.stop()
    for path in own_server.data.rglob("*"):
        if path.is_file():
            assert marker.encode() not in path.read_bytes(), path
    key = own_server.folder / "master.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert own_server.data not in key.parents
    key.rename(key.with_suffix(".away"))
    with pytest.raises(AssertionError) as caught:
        own_server.start()
    assert "master key" in str(caught.value)
    key.unlink(missing_ok=True)
    key.with_suffix(".away").rename(key)
    own_server.start()
    assert own_server.client().invoke(FunctionName=name)["StatusCode"] == 200


@pytest.mark.skipif(os.getuid() != 0, reason="only root has a privilege to drop")
def test_started_as_root_only_the_spawner_stays_root(own_server):
    pid = own_server.process.pid
    uids = {l.split()[0]: l.split()[1:] for l in Path(f"/proc/{pid}/status").read_text().splitlines()
            if l.startswith(("Uid", "CapEff", "CapPrm"))}
    assert "0" not in uids["Uid:"]
    assert int(uids["CapEff:"][0], 16) == int(uids["CapPrm:"][0], 16) == 0


def test_an_unknown_setting_is_named(tmp_path):
    config = tmp_path / "lambkin.toml"
    config.write_text('lisen = "127.0.0.1:1"\n')
    done = run("serve", "--config", config, "--data-dir", tmp_path / "d")
    assert done.returncode != 0
    assert "lisen" in done.stderr and "listen" in done.stderr


def test_flags_beat_environment_beats_file(tmp_path):
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    taken = [p.getsockname()[1] for p in ports]
    config = tmp_path / "lambkin.toml"
    config.write_text(f'listen = "127.0.0.1:{taken[0]}"\n')
    env = {"LAMBKIN_MASTER_KEY_FILE": str(tmp_path / "k")}
    done = run("serve", "--config", config, "--data-dir", tmp_path / "d", env=env)
    assert str(taken[0]) in done.stderr
    done = run("serve", "--config", config, "--data-dir", tmp_path / "d",
               env=env | {"LAMBKIN_LISTEN": f"127.0.0.1:{taken[1]}"})
    assert str(taken[1]) in done.stderr
