"""Published versions: numbers, qualifiers, what runs under them, what a kill leaves of them, and SnapStart's setting."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness import leftovers
from harness.package import zip_files
from harness.server import ROLE

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
# Says who it is, and how often this very environment was asked.
SELF = """
import os, time
asked = 0
def handler(event, context):
    global asked
    asked += 1
    if event.get("wait_s"):
        print("it waits", flush=True)
        time.sleep(event["wait_s"])
    return [MARK, asked, context.function_version, context.invoked_function_arn,
            os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.log_stream_name, os.environ.get("COLOUR")]
"""


def code(mark):
    return {"index.py": f"MARK = '{mark}'\n{SELF}"}


def update(client, name, **settings):
    client.update_function_configuration(FunctionName=name, **settings)
    wait_updated(client, name)


def wait_updated(client, name):
    client.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 100})


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def listed(client, name):
    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 2})
    return [version["Version"] for page in pages for version in page["Versions"]]


def test_versions_are_published_once_listed_and_deleted_one_by_one(client, deploy):
    name = deploy(code("a"), Description="No version", Tags={"team": "one"})
    arn, before = ARN + name, client.get_function_configuration(FunctionName=name)
    used = client.get_account_settings()["AccountUsage"]
    first = client.publish_version(FunctionName=name, Description="First version")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", arn + ":1", "First version")
    assert (first["State"], first["LastUpdateStatus"]) == ("Active", "Successful")
    after = client.get_function_configuration(FunctionName=name)
    assert len({one["RevisionId"] for one in (before, first, after)}) == 3
    assert client.publish_version(FunctionName=name, Description="again")["RevisionId"] == first["RevisionId"]
    now_used = client.get_account_settings()["AccountUsage"]
    assert now_used["TotalCodeSize"] == used["TotalCodeSize"] + first["CodeSize"], "a version counts"
    assert now_used["FunctionCount"] == used["FunctionCount"]

    update(client, name, Description="Second version", Timeout=9)
    second = client.publish_version(FunctionName=name)
    assert (second["Version"], second["Description"], second["Timeout"]) == ("2", "Second version", 9)
    of_first = client.get_function(FunctionName=name, Qualifier="1")
    assert of_first["Configuration"]["Timeout"] == 10
    assert of_first["Configuration"]["FunctionArn"] == arn + ":1"
    assert of_first["Tags"] == {"team": "one"}
    assert client.get_function_configuration(FunctionName=arn + ":2")["RevisionId"] == second["RevisionId"]
    assert listed(client, name) == ["$LATEST", "1", "2"]
    every = client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 2})
    every = [one["FunctionArn"] for page in every for one in page["Functions"]]
    assert [one for one in every if one.startswith(arn)] == [f"{arn}:{v}" for v in ("$LATEST", "1", "2")]

    for _ in range(2):
        assert client.delete_function(FunctionName=name, Qualifier="2")["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = (404, "ResourceNotFoundException", f"Function not found: {arn}:2")
    for call in (client.get_function, client.get_function_configuration, client.invoke):
        assert refused(call, FunctionName=name, Qualifier="2") == missing
    assert refused(client.invoke, FunctionName=name, Qualifier="live")[2] == f"Function not found: {arn}:live"
    assert client.publish_version(FunctionName=name)["Version"] == "3", "no number comes twice"
    assert listed(client, name) == ["$LATEST", "1", "3"]
    assert refused(client.update_function_configuration, FunctionName=name + ":1", Timeout=1)[0] == 404

    client.delete_function(FunctionName=name)
    assert refused(client.list_versions_by_function, FunctionName=name)[0] == 404
    assert refused(client.delete_function, FunctionName=name, Qualifier="1") == (
        404, "ResourceNotFoundException", f"Function not found: {arn}")
    deploy(code("a"), name=name)
    assert refused(client.invoke, FunctionName=name, Qualifier="1")[0] == 404
    assert client.publish_version(FunctionName=name)["Version"] == "4", "not for another function of the name either"


def test_what_a_caller_believes_guards_a_version(client, deploy):
    name = deploy(code("a"))
    stale = refused(client.publish_version, FunctionName=name, RevisionId="stale")
    assert stale[:2] == (412, "PreconditionFailedException") and "latest Revision Id" in stale[2]
    known = client.get_function_configuration(FunctionName=name)
    assert refused(client.publish_version, FunctionName=name, CodeSha256="other") == (
        400, "InvalidParameterValueException",
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({known['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST.")
    assert listed(client, name) == ["$LATEST"]
    published = client.publish_version(
        FunctionName=name, RevisionId=known["RevisionId"], CodeSha256=known["CodeSha256"])
    assert published["Version"] == "1"
    client.update_function_configuration(FunctionName=name, Timeout=4)
    assert refused(client.publish_version, FunctionName=name) == (
        409, "ResourceConflictException",
        f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}{name}")
    assert refused(client.publish_version, FunctionName="nobody")[2] == f"Function not found: {ARN}nobody"


def test_each_version_runs_its_own_code_in_environments_of_its_own(server, client, deploy, invoke):
    name = deploy(code("one"), Environment={"Variables": {"COLOUR": "teal"}}, MemorySize=256)
    client.publish_version(FunctionName=name)
    update(client, name, Environment={"Variables": {"COLOUR": "red"}}, MemorySize=512)
    published = client.update_function_code(FunctionName=name, ZipFile=zip_files(code("two")), Publish=True)
    assert (published["Version"], published["FunctionArn"]) == ("2", f"{ARN}{name}:2")
    assert (published["State"], "LastUpdateStatus" in published) == ("Pending", False)
    wait_updated(client, name)
    for asked in (1, 2):
        for qualifier, mark, colour in ((None, "two", "red"), ("$LATEST", "two", "red"), ("1", "one", "teal"),
                                        ("2", "two", "red")):
            qualified = {"Qualifier": qualifier} if qualifier else {}
            answer = invoke(name, LogType="Tail", **qualified)
            version, arn = qualifier or "$LATEST", ARN + name + (f":{qualifier}" if qualifier else "")
            got_mark, count, own_version, own_arn, variable, stream, own_colour = answer["Json"]
            assert (got_mark, own_version, own_arn, variable) == (mark, version, arn, version)
            assert (own_colour, f"[{version}]" in stream) == (colour, True)
            assert answer["ExecutedVersion"] == version
            first = 2 * asked - 1 if qualifier is None else 2 * asked if qualifier == "$LATEST" else asked
            assert count == first, "each version has its environment, and $LATEST one by either name"
    assert invoke(f"{ARN}{name}:1")["ExecutedVersion"] == "1"
    log = server.cli("logs", name).stdout
    assert all(f"Version: {version}" in log for version in ("$LATEST", "1", "2"))
    own = server.cli("logs", f"{name}:1").stdout
    assert "Version: 1" in own and "Version: 2" not in own and "Version: $LATEST" not in own
    for never in ("99", "live"):
        asked = server.cli("logs", f"{name}:{never}", check=False)
        assert asked.returncode and f"Function not found: {ARN}{name}:{never}" in asked.stderr
    shown = server.cli("functions", "show", f"{name}:1").stdout
    assert f"{ARN}{name}:1" in shown and "COLOUR" in shown
    slow = json.loads(server.cli("why-slow", f"{name}:1", "--json").stdout)
    assert (slow["function"], len(slow["starts"])) == (f"{name}:1", 1)
    client.delete_function(FunctionName=name, Qualifier="1")
    assert invoke(name, Qualifier="2")["Json"][1] == 3


def test_a_function_is_created_with_its_first_version(client, deploy, invoke):
    created = client.create_function(FunctionName="born-published", Runtime="python3.11", Role=ROLE,
                                     Handler="index.handler", Code={"ZipFile": zip_files(code("a"))}, Publish=True)
    deploy.names.append("born-published")
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", ARN + "born-published", "Pending")
    client.get_waiter("published_version_active").wait(
        FunctionName="born-published", Qualifier="1", WaiterConfig={"Delay": 0.05, "MaxAttempts": 100})
    settled = client.get_function_configuration(FunctionName="born-published", Qualifier="1")
    assert settled["RevisionId"] != created["RevisionId"]
    assert invoke("born-published", Qualifier="1")["Json"][2] == "1"
    client.get_waiter("function_active_v2").wait(
        FunctionName="born-published", WaiterConfig={"Delay": 0.05, "MaxAttempts": 100})
    assert client.publish_version(FunctionName="born-published")["Version"] == "1"
    again = client.update_function_code(
        FunctionName="born-published", ZipFile=zip_files(code("a")), Publish=True)
    assert again["Version"] == "1", "the same package is no change"


def test_snap_start_is_of_versions_that_are_published_with_it(client, deploy):
    name = deploy(code("a"))
    update(client, name, SnapStart={"ApplyOn": "PublishedVersions"})
    state = lambda **arguments: client.get_function_configuration(FunctionName=name, **arguments)["SnapStart"]
    assert state() == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert client.publish_version(FunctionName=name)["SnapStart"] == {
        "ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    update(client, name, SnapStart={"ApplyOn": "None"})
    client.publish_version(FunctionName=name)
    assert state(Qualifier="1")["OptimizationStatus"] == "On"
    assert state(Qualifier="2") == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    for settings, text in (
        ({"Runtime": "nodejs20.x"}, "nodejs20.x is not supported for SnapStart enabled functions."),
        ({"EphemeralStorage": {"Size": 513}},
         "EphemeralStorage of more than 512 MB is not supported for SnapStart enabled functions."),
    ):
        assert refused(client.update_function_configuration, FunctionName=name,
                       SnapStart={"ApplyOn": "PublishedVersions"}, **settings) == (
            400, "InvalidParameterValueException", text)
    assert refused(client.update_function_configuration, FunctionName=name, SnapStart={"ApplyOn": "x"})[1] == (
        "ValidationException")


def packages(server):
    return len(list((server.folder / "data" / "blobs").iterdir()))


def test_a_kill_leaves_every_version_that_was_acknowledged(own_server):
    client = own_server.client()
    client.create_function(FunctionName="kept", Runtime="python3.11", Role=ROLE, Handler="index.handler",
                           Code={"ZipFile": zip_files(code("1"))}, Publish=True)
    client.get_waiter("function_active_v2").wait(
        FunctionName="kept", WaiterConfig={"Delay": 0.05, "MaxAttempts": 100})
    for mark in "23":
        client.update_function_code(FunctionName="kept", ZipFile=zip_files(code(mark)))
        wait_updated(client, "kept")
        client.publish_version(FunctionName="kept")
    client.delete_function(FunctionName="kept", Qualifier="2")
    before = client.list_versions_by_function(FunctionName="kept")["Versions"]
    client.update_function_code(FunctionName="kept", ZipFile=zip_files(code("4")), Publish=True)
    own_server.kill()
    own_server.start()
    client = own_server.client()
    assert_code_size_is_that_of_all(client)
    assert listed(client, "kept") == ["$LATEST", "1", "3", "4"]
    assert [one for one in client.list_versions_by_function(FunctionName="kept")["Versions"]
            if one["Version"] in ("1", "3")] == before[1:]
    assert packages(own_server) == 3, "one for each code that some version has, and no other"
    for qualifier in ("1", "3", "4", "$LATEST"):
        answer = client.invoke(FunctionName="kept", Qualifier=qualifier)
        mark = "4" if qualifier == "$LATEST" else qualifier
        assert json.loads(answer["Payload"].read())[0] == mark
    delete_while_it_runs(own_server, client)
    own_server.kill()
    own_server.start()
    assert packages(own_server) == 0
    assert own_server.client().get_account_settings()["AccountUsage"]["TotalCodeSize"] == 0


def assert_code_size_is_that_of_all(client):
    versions = client.list_versions_by_function(FunctionName="kept")["Versions"]
    used = client.get_account_settings()["AccountUsage"]["TotalCodeSize"]
    assert used == sum(version["CodeSize"] for version in versions)


def delete_while_it_runs(server, client):
    """Environments and packages of two of three versions go, and those of the function when its last invoke has ended."""
    serving = lambda: leftovers.serving_processes(server.process.pid)
    assert len(serving()) == 4
    for qualifier in ("1", "3"):
        client.delete_function(FunctionName="kept", Qualifier=qualifier)
    # What is deleted counts no more, whatever still runs.
    assert_code_size_is_that_of_all(client)
    leftovers.wait_until_none(lambda: sorted(serving())[2:], "environments of deleted versions")
    leftovers.wait_until_none(lambda: range(packages(server) - 1), "packages of deleted versions")
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(client.invoke, FunctionName="kept", Payload=b'{"wait_s": 1}')
        leftovers.wait_until_none(lambda: ["silence"] * ("it waits" not in server.cli("logs", "kept").stdout), "log")
        client.delete_function(FunctionName="kept")
        assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == 0
        assert packages(server) == 1, "an invoke runs"
        assert json.loads(running.result()["Payload"].read())[0] == "4"
    leftovers.wait_until_none(lambda: range(packages(server)), "packages of deleted functions")
