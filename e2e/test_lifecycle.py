"""boto3, unmodified: create, wait, invoke, update, list, tag, delete."""

import base64
import hashlib
import io
import re
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError
from harness.package import zip_files
from harness.server import ROLE

HELLO = {"index.py": "def handler(event, context):\n    return {'ok': True, 'n': event['n']}\n"}


def test_create_answers_pending_then_waits_to_active(client, deploy):
    name = "lifecycle-create"
    deploy.names.append(name)
    code = zip_files(HELLO)
    created = client.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="index.handler",
        Code={"ZipFile": code},
    )
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["State"] == "Pending"
    assert created["StateReason"] == "The function is being created."
    assert created["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in created
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert created["CodeSize"] == len(code)
    assert (created["MemorySize"], created["Timeout"], created["Version"]) == (128, 3, "$LATEST")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["LastModified"])
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    settled = client.get_function_configuration(FunctionName=name)
    assert settled["State"] == "Active"
    assert settled["LastUpdateStatus"] == "Successful"
    assert "StateReasonCode" not in settled
    assert settled["RevisionId"] != created["RevisionId"]
    assert settled["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert settled["EphemeralStorage"] == {"Size": 512}
    for absent in ("Environment", "VpcConfig", "DeadLetterConfig", "Layers", "KMSKeyArn"):
        assert absent not in settled


def test_code_location_serves_the_package(client, deploy):
    code = zip_files(HELLO)
    name = deploy(code)
    location = client.get_function(FunctionName=name)["Code"]
    assert location["RepositoryType"] == "S3"
    with urllib.request.urlopen(location["Location"]) as answer:
        body = answer.read()
    assert body == code
    assert zipfile.ZipFile(io.BytesIO(body)).namelist() == ["index.py"]


def test_update_code_is_live_after_the_waiter(client, deploy, invoke):
    name = deploy(HELLO)
    assert invoke(name, {"n": 7})["Json"] == {"ok": True, "n": 7}
    updated = client.update_function_code(
        FunctionName=name,
        ZipFile=zip_files({"index.py": "def handler(event, context):\n    return 'second'\n"}),
    )
    assert updated["LastUpdateStatus"] == "InProgress"
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    assert invoke(name)["Json"] == "second"


def test_update_configuration_reaches_the_function(client, deploy, invoke):
    source = "import os\ndef handler(event, context):\n    return [os.environ.get('COLOUR'), context.memory_limit_in_mb]\n"
    name = deploy({"index.py": source})
    client.update_function_configuration(
        FunctionName=name, MemorySize=256, Environment={"Variables": {"COLOUR": "teal"}}
    )
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    assert invoke(name)["Json"] == ["teal", "256"]


def test_revision_id_guards_updates(client, deploy):
    name = deploy(HELLO)
    with pytest.raises(ClientError) as caught:
        client.update_function_configuration(FunctionName=name, Timeout=5, RevisionId="stale")
    assert caught.value.response["Error"] == {
        "Code": "PreconditionFailedException",
        "Message": "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    }


def test_list_is_paged(client, deploy):
    names = sorted(deploy(HELLO, name=f"paged-{i}") for i in range(5))
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    pages = [[f["FunctionName"] for f in page["Functions"]] for page in pages]
    assert max(map(len, pages)) == 2
    assert sorted(n for page in pages for n in page if n.startswith("paged-")) == names


def test_tags(client, deploy):
    name = deploy(HELLO, Tags={"team": "one"})
    arn = client.get_function_configuration(FunctionName=name)["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"stage": "test", "team": "two"})
    assert client.list_tags(Resource=arn)["Tags"] == {"stage": "test", "team": "two"}
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.get_function(FunctionName=name)["Tags"] == {"stage": "test"}


def test_delete_then_not_found(client, deploy):
    name = deploy(HELLO)
    assert client.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_function(FunctionName=name)
    assert caught.value.response["Error"]["Message"] == (
        f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{name}"
    )
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.invoke(FunctionName=name)
    assert caught.value.response["Error"]["Message"].endswith(f"function:{name}:$LATEST")


def test_duplicate_create_conflicts(client, deploy):
    name = deploy(HELLO)
    with pytest.raises(client.exceptions.ResourceConflictException) as caught:
        deploy(HELLO, name=name)
    assert caught.value.response["Error"]["Message"] == f"Function already exist: {name}"


@pytest.mark.parametrize("form", ["{n}", "{n}:$LATEST", "000000000000:function:{n}", "function:{n}",
                                  "arn:aws:lambda:us-east-1:000000000000:function:{n}",
                                  "arn:aws:lambda:us-east-1:000000000000:function:{n}:$LATEST"])
def test_every_form_of_a_function_name(client, deploy, invoke, form):
    name = deploy(HELLO, name="any-form")
    assert invoke(form.format(n=name), {"n": 1})["Json"] == {"ok": True, "n": 1}


def test_account_settings_count_functions(client, deploy):
    before = client.get_account_settings()
    deploy(HELLO)
    after = client.get_account_settings()
    assert after["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert after["AccountLimit"]["CodeSizeUnzipped"] == 262144000


def test_no_function_has_a_code_signing_config(client, deploy):
    name = deploy(HELLO)
    answer = client.get_function_code_signing_config(FunctionName=name)
    assert set(answer) == {"ResponseMetadata"}
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_function_code_signing_config(FunctionName=f"{name}-not")
    assert caught.value.response["Error"]["Message"] == (
        f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{name}-not")


def test_what_does_not_work_yet_is_refused_by_name(client, deploy):
    name = deploy(HELLO)
    with pytest.raises(ClientError) as caught:
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert caught.value.response["Error"]["Code"] == "NotImplementedException"
    assert "CreateAlias" in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert caught.value.response["Error"]["Code"] == "NotImplementedException"
    with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
        client.update_function_configuration(
            FunctionName=name, VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
        )
    assert "VpcConfig" in caught.value.response["Error"]["Message"]


def test_validation_speaks_as_aws_does(client):
    with pytest.raises(ClientError) as caught:
        client.get_function(FunctionName="white space")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value 'white space' at 'functionName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?"
    )
