"""Network rules of a function: the command, the API under it, and how long they last."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness.server import Server

CODE = {"index.py": "def handler(e, c):\n    return e\n"}
ROUTE = "/lambkin/v1/egress/"


def egress(server, name, *arguments):
    """The rules that a command leaves, as the machine reads them."""
    return json.loads(server.cli("egress", name, *arguments, "--output", "json").stdout)


def rules(found):
    return [f"{rule['action']} {rule['target']}" for rule in found["rules"]]


def refused(server, name, *arguments):
    ended = server.cli("egress", name, *arguments, check=False)
    assert ended.returncode == 1 and ended.stdout == "", ended
    return ended.stderr


def call(server, method, path, body=b"", sign=True):
    """One call of the API itself: status and answer."""
    request = AWSRequest(method, server.endpoint + path, data=body, headers={"Content-Type": "application/json"})
    if sign:
        SigV4Auth(Credentials(server.access_key, server.secret_key), "lambda", "us-east-1").add_auth(request)
    plain = urllib.request.Request(request.url, data=body or None, method=method, headers=dict(request.headers))
    try:
        with urllib.request.urlopen(plain, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def edit(server, name, **change):
    return call(server, "POST", ROUTE + name, json.dumps(change).encode())


def test_rules_are_added_shown_in_their_order_and_removed(server, deploy):
    name = deploy(CODE)
    assert rules(egress(server, name)) == []
    egress(server, name, "deny", "all", "203.0.113.0/24")
    found = egress(server, name, "allow", "203.0.113.7:443", "[2001:db8::/32]:8000-8100", "203.0.113.7:80-90")
    assert found["function"] == name and found["network"] == "Notification"
    assert rules(found) == [
        "allow 203.0.113.7:443", "allow 203.0.113.7:80-90", "deny 203.0.113.0/24", "deny 0.0.0.0/0",
        "allow [2001:db8::/32]:8000-8100", "deny ::/0",
    ]
    assert rules(egress(server, name, "show")) == rules(found)
    flipped = egress(server, name, "allow", "203.0.113.0/24")
    assert "allow 203.0.113.0/24" in rules(flipped) and "deny 203.0.113.0/24" not in rules(flipped)
    left = egress(server, name, "remove", "all", "203.0.113.7:80-90")
    assert rules(left) == ["allow 203.0.113.7:443", "allow 203.0.113.0/24", "allow [2001:db8::/32]:8000-8100"]
    assert rules(egress(server, name, "reset")) == []


def test_what_is_shown_names_the_default_and_what_no_rule_opens(server, deploy):
    name = deploy(CODE)
    server.cli("egress", name, "deny", "private:22")
    lines = [line.split() for line in server.cli("egress", name).stdout.splitlines()]
    assert ["deny", "10.0.0.0/8:22"] in lines and ["deny", "[fc00::/7]:22"] in lines
    assert lines.index(["deny", "10.0.0.0/8:22"]) < lines.index(["allow", "everything", "else"])
    closed = " ".join(server.cli("egress", name).stdout.partition("Closed")[2].split())
    for part in ("127.0.0.0/8 ::1", "169.254.0.0/16 fe80::/10", "224.0.0.0/4 ff00::/8", "addresses of this machine",
                 "port 25"):
        assert part in closed, part


def test_addresses_have_one_form_in_rules(server, deploy):
    name = deploy(CODE)
    found = egress(server, name, "deny", "::ffff:203.0.113.7", "64:ff9b::203.0.113.8", "2001:DB8:0::1/128")
    assert sorted(rules(found)) == ["deny 2001:db8::1", "deny 203.0.113.7", "deny 203.0.113.8"]
    egress(server, name, "allow", "203.0.113.7")
    assert "allow 203.0.113.7" in rules(egress(server, name))


def test_rules_outlive_updates_and_restarts_and_go_with_the_function(own_server):
    from conftest import Deployer
    from harness.package import zip_files

    client = own_server.client()
    deploy = Deployer(client)
    name = deploy(CODE)
    before = client.get_function_configuration(FunctionName=name)
    kept = egress(own_server, name, "deny", "10.0.0.0/8", "all:80")
    after = client.get_function_configuration(FunctionName=name)
    assert after["RevisionId"] == before["RevisionId"], "rules are no part of the configuration"
    client.update_function_code(FunctionName=name, ZipFile=zip_files(CODE | {"more.py": ""}))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Timeout=9)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert egress(own_server, name) == kept
    own_server.kill()
    own_server.start()
    assert egress(own_server, name) == kept
    client.delete_function(FunctionName=name)
    assert "Function not found" in refused(own_server, name, "show")
    deploy(CODE, name=name)
    assert rules(egress(own_server, name)) == []


def test_what_is_wrong_changes_nothing_and_says_what_to_write(server, deploy):
    name = deploy(CODE)
    kept = egress(server, name, "deny", "10.0.0.0/8")
    for wrong, say in [
        (("deny", "example.com"), "host names cannot be rules"),
        (("deny", "10.1.2.3/8"), "write 10.0.0.0/8 for the network or 10.1.2.3 for the address"),
        (("deny", "2001:db8::/32:443"), "with brackets, as [2001:db8::/32]:443"),
        (("deny", "10.0.0.0/8:0"), "from 1 to 65535"),
        (("deny", "192.168.0.0/16", "10.0.0.0/8:90-80"), "'90-80' is not a port or a range"),
        (("allow", "169.254.169.254"), "no function reaches link-local and metadata addresses, and no rule opens that"),
        (("allow", "::ffff:127.0.0.1"), "would have no effect"),
        (("allow", "203.0.113.0/24:25"), "port 25 is closed to every function"),
        (("remove", "10.0.0.0/8", "192.168.0.0/16"), "there is no rule for 192.168.0.0/16"),
    ]:
        said = refused(server, name, *wrong)
        assert say in said, (wrong, said)
    assert server.cli("egress", name, "allow", check=False).returncode == 2
    assert "Function not found" in refused(server, "no-such-function", "deny", "all")
    assert egress(server, name) == kept


def test_a_function_has_at_most_64_rules(server, deploy):
    name = deploy(CODE)
    full = [f"10.0.{n}.0/24" for n in range(64)]
    assert len(egress(server, name, "deny", *full)["rules"]) == 64
    assert len(egress(server, name, "allow", *full)["rules"]) == 64, "the same destinations"
    assert "at most 64 rules" in refused(server, name, "deny", "192.168.0.0/16")
    status, answer = edit(server, name, edit="deny", rules=["::/0"] * 65)
    assert status == 400 and "at most 64" in answer["message"], answer


@pytest.mark.parametrize("name_of", [
    "{}", "function:{}", "000000000000:function:{}", "arn:aws:lambda:us-east-1:000000000000:function:{}",
])
def test_a_function_is_named_as_elsewhere(server, deploy, name_of):
    name = deploy(CODE)
    assert rules(egress(server, name_of.format(name), "deny", "all:22")) == ["deny 0.0.0.0/0:22", "deny [::/0]:22"]
    assert len(egress(server, name)["rules"]) == 2


def call_as(server, host):
    """Status of a request that addresses the server by another name."""
    request = urllib.request.Request(server.endpoint + "/health", headers={"Host": f"{host}:{server.port}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_apis_name_for_functions_is_known_where_they_may_reach_it(server, tmp_path):
    assert call_as(server, "localhost") == 200
    assert call_as(server, "lambkin.internal") == 403
    opened = Server(tmp_path, "--allow-api-from-functions").start()
    try:
        assert call_as(opened, "lambkin.internal") == 200
        assert call_as(opened, "other.internal") == 403
    finally:
        opened.stop()


def test_the_api_takes_signed_and_bounded_changes_alone(server, deploy):
    name = deploy(CODE)
    change = json.dumps({"edit": "deny", "rules": ["all"]}).encode()
    assert call(server, "POST", ROUTE + name, change, sign=False)[0] == 403
    assert call(server, "GET", ROUTE + name, sign=False)[0] == 403
    for body, say in [
        (b"", "not understood"), (b"[]", "not understood"), (b"{", "not understood"),
        (b'{"edit":"forbid","rules":["all"]}', "not understood"),
        (b'{"edit":"deny","rules":["all"],"udp":true}', "unknown field `udp`"),
        (b'{"edit":"deny"}', "names no rule"),
        (b'{"edit":"reset","rules":["all"]}', "names none"),
        (b'{"edit":"deny","rules":["' + b"1" * 200 + b'"]}', "more than 128 bytes"),
        (b" " * 20_000, "at most 16384 bytes"),
    ]:
        status, answer = call(server, "POST", ROUTE + name, body)
        assert status == 400 and say in answer["message"], (body[:60], status, answer)
    assert call(server, "POST", ROUTE + name, b" " * 2_000_000)[0] == 413
    assert call(server, "DELETE", ROUTE + name)[0] in (403, 404)
    assert rules(egress(server, name)) == []
    status, answer = call(server, "POST", ROUTE + name, change)
    assert status == 200 and [rule["action"] for rule in answer["rules"]] == ["deny", "deny"]
    for other in ("..%2F..%2Fx", "a%00b", name + ":live", "arn:aws:lambda:eu-west-1:000000000000:function:" + name):
        assert call(server, "GET", ROUTE + other)[0] == 404, other
