"""Answers held field by field and word by word against those that AWS itself was recorded to give."""

import base64
import json
import re
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from harness.package import zip_files
from harness.server import ROLE
from test_doors import error_type, raw, signed

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
ECHO = {"index.py": "def handler(event, context): return event\n"}
CODE = zip_files(ECHO)
FUNCTIONS = "/2015-03-31/functions"
SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
UPDATING = {"LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating"}
VARYING = {"CodeSha256": r"[A-Za-z0-9+/]{43}=", "LastModified": r"[\d-]{10}T[\d:.]{12}\+0000",
           "RevisionId": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}


@pytest.fixture
def lax(server):
    """A client that sends what botocore itself would refuse."""
    return server.client(parameter_validation=False)


def creation(name, **changes):
    whole = {"FunctionName": name, "Runtime": "python3.11", "Role": ROLE, "Handler": "index.handler",
             "Code": {"ZipFile": CODE}} | changes
    return {key: value for key, value in whole.items() if value is not None}


def shown(configuration):
    """A configuration without what varies, whose forms are checked here."""
    rest = {k: v for k, v in configuration.items() if k != "ResponseMetadata"}
    for field, form in VARYING.items():
        assert re.fullmatch(form, rest.pop(field)), field
    assert re.fullmatch(r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}",
                        rest.pop("RuntimeVersionConfig")["RuntimeVersionArn"])
    return rest


def bare(name, **more):
    """All fields of a function that asked for nothing."""
    return {
        "Architectures": ["x86_64"], "CodeSize": len(CODE), "Description": "",
        "EphemeralStorage": {"Size": 512}, "FunctionArn": ARN + name, "FunctionName": name,
        "Handler": "index.handler", "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "MemorySize": 128, "PackageType": "Zip", "Role": ROLE, "Runtime": "python3.11",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "State": "Active", "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"}, "Version": "$LATEST",
    } | more


def settled(client, name):
    while (found := client.get_function_configuration(FunctionName=name)).get("LastUpdateStatus") != "Successful":
        time.sleep(0.02)
    return found


def refusal(call, **arguments):
    """(status, code, Type, key of the text, text) of an error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    key = "Message" if "Message" in answer else "message" if "message" in answer else None
    error = answer["Error"]
    return (answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"].removesuffix("Exception"),
            answer.get("Type"), key, error["Message"])


def invalid(text):
    return (400, "InvalidParameterValue", "User", "message", text)


def violation(text):
    return (400, "Validation", None, None, f"1 validation error detected: {text}")


def not_found(text):
    return (404, "ResourceNotFound", "User", "Message", text)


def no_function(name):
    return not_found(f"Function not found: {ARN}{name}")


def test_every_step_of_a_life_shows_the_recorded_fields(client, deploy):
    name = f"life-{uuid.uuid4().hex[:8]}"
    deploy.names.append(name)
    created = client.create_function(**creation(name, Environment={"Variables": {}}))
    with_environment = {"Environment": {"Variables": {}}}
    assert shown(created) == bare(
        name, **with_environment, State="Pending", StateReason="The function is being created.",
        StateReasonCode="Creating")
    settled(client, name)
    found = client.get_function(FunctionName=name)
    assert set(found) == {"Configuration", "Code", "ResponseMetadata"}
    assert set(found["Code"]) == {"RepositoryType", "Location"}
    active = bare(name, **with_environment, LastUpdateStatus="Successful")
    assert shown(found["Configuration"]) == active
    revisions = [created["RevisionId"], found["Configuration"]["RevisionId"]]
    for call, change in [(client.update_function_code, {"ZipFile": CODE}),
                         (client.update_function_configuration, {"Description": "d"}),
                         (client.update_function_configuration, {"Description": "d"})]:
        updated = call(FunctionName=name, RevisionId=revisions[-1], **change)
        description = {"Description": change.get("Description", "")}
        assert shown(updated) == bare(name, **with_environment, **description, **UPDATING)
        after = settled(client, name)
        assert shown(after) == active | description
        revisions += [updated["RevisionId"], after["RevisionId"]]
    assert len(set(revisions)) == len(revisions), "every step is a revision, a redundant one too"


def test_only_a_qualified_name_is_shown_a_qualified_arn(client, deploy):
    name = deploy(CODE)
    for asked in ({"FunctionName": name, "Qualifier": "$LATEST"}, {"FunctionName": f"{ARN}{name}:$LATEST"}):
        assert client.get_function_configuration(**asked)["FunctionArn"] == f"{ARN}{name}:$LATEST"


def test_a_second_update_waits_for_the_first(client, deploy):
    name = deploy(CODE)
    client.update_function_configuration(FunctionName=name, Timeout=4)
    conflict = (409, "ResourceConflict", "User", "message", "The operation cannot be performed at this "
                f"time. An update is in progress for resource: {ARN}{name}")
    assert refusal(client.update_function_configuration, FunctionName=name, Timeout=5) == conflict
    assert refusal(client.update_function_code, FunctionName=name, ZipFile=CODE) == conflict


@pytest.mark.parametrize("qualified", ["", ":3", ":$LATEST"])
def test_a_name_is_taken_whatever_qualifier_follows_it(client, deploy, qualified):
    name = deploy(CODE)
    assert refusal(client.create_function, **creation(name + qualified)) == (
        409, "ResourceConflict", "User", "message", f"Function already exist: {name}")


LOGGING = [
    ({"LogFormat": "JSON"}, {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}),
    ({"ApplicationLogLevel": "DEBUG"},
     {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO"}),
    ({"LogGroup": "cool_lambda"}, {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG",
                                   "SystemLogLevel": "INFO", "LogGroup": "cool_lambda"}),
    ({"LogFormat": "Text"}, {"LogFormat": "Text", "LogGroup": "cool_lambda"}),
    ({"LogFormat": "JSON", "SystemLogLevel": "WARN"},
     {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "cool_lambda"}),
]


def test_logging_changes_part_by_part(client, deploy):
    name = deploy(CODE)
    for change, expected in LOGGING:
        client.update_function_configuration(FunctionName=name, LoggingConfig=change)
        group = {"LogGroup": f"/aws/lambda/{name}"}
        assert settled(client, name)["LoggingConfig"] == group | expected, change


def test_what_is_emptied_goes_and_what_asks_for_nothing_passes(client, deploy):
    name = deploy(CODE, Description="d", Environment={"Variables": {"AB": "x"}}, Publish=False,
                  PackageType="Zip", KMSKeyArn="", Layers=[], SnapStart={"ApplyOn": "None"},
                  TracingConfig={"Mode": "PassThrough"}, DeadLetterConfig={"TargetArn": ""},
                  VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, MemorySize=10_240, Timeout=900,
                  EphemeralStorage={"Size": 10_240})
    client.update_function_configuration(
        FunctionName=name, Description="", KMSKeyArn="", Environment={"Variables": {}}, Layers=[],
        DeadLetterConfig={"TargetArn": ""}, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert shown(settled(client, name)) == bare(
        name, Environment={"Variables": {}}, MemorySize=10_240, Timeout=900,
        EphemeralStorage={"Size": 10_240}, LastUpdateStatus="Successful")


RESERVED = ("Lambda was unable to configure your environment variables because the environment variables "
            "you have provided contains reserved keys that are currently not supported for modification. "
            "Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT")
OVER_4_KB = ("Lambda was unable to configure your environment variables because the environment variables "
             'you have provided exceeded the 4KB limit. String measured: {"LARGE_VAR":"' + "x" * 4081 + '"}')
LEVEL_OF_TEXT = ('LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
                 'request or change the LogFormat to "JSON" and try again.')
RETIRED = ("The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda "
           "functions. We recommend you use a supported runtime while creating or updating functions.")
PAIR = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
FAILED = "failed to satisfy constraint: Member must"
BAD_ROLE = violation(f"Value 'r1' at 'role' {FAILED} satisfy regular expression pattern: "
                     r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
TOO_MUCH_MEMORY = invalid(f"'MemorySize' value {FAILED} have value less than or equal to 10240")


def beyond(path, value, limit):
    return violation(f"Value '{value}' at '{path}' {FAILED} have value {limit}")


CREATIONS = {
    "role": ({"Role": "r1"}, BAD_ROLE),
    "no role": ({"Role": None}, violation(f"Value null at 'role' {FAILED} not be null")),
    "retired runtime": ({"Runtime": "python3.7"}, invalid(RETIRED)),
    "no runtime": ({"Runtime": None}, invalid(PAIR)),
    "no handler": ({"Handler": None}, invalid(PAIR)),
    "handler": ({"Handler": "a b"},
                violation(f"Value 'a b' at 'handler' {FAILED} satisfy regular expression pattern: [^\\s]+")),
    "architecture": ({"Architectures": ["riscv"]}, violation(
        f"Value '[riscv]' at 'architectures' {FAILED} satisfy constraint: "
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")),
    "architectures": ({"Architectures": ["x86_64", "arm64"]}, violation(
        f"Value '[x86_64, arm64]' at 'architectures' {FAILED} have length less than or equal to 1")),
    "little memory": ({"MemorySize": 127}, beyond("memorySize", 127, "greater than or equal to 128")),
    "much memory": ({"MemorySize": 10_241}, TOO_MUCH_MEMORY),
    "no time": ({"Timeout": 0}, beyond("timeout", 0, "greater than or equal to 1")),
    "much time": ({"Timeout": 901}, beyond("timeout", 901, "less than or equal to 900")),
    "little storage": ({"EphemeralStorage": {"Size": 511}},
                       beyond("ephemeralStorage.size", 511, "greater than or equal to 512")),
    "much storage": ({"EphemeralStorage": {"Size": 10_241}},
                     beyond("ephemeralStorage.size", 10_241, "less than or equal to 10240")),
    "no zip": ({"Code": {"ZipFile": b"this is not a zip file"}},
               invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")),
    "empty zip": ({"Code": {"ZipFile": b""}}, invalid("Uploaded file must be a non-empty zip")),
    "reserved variables": ({"Environment": {"Variables": {"LAMBDA_TASK_ROOT": "x", "AWS_REGION": "x"}}},
                           invalid(RESERVED)),
    "large variables": ({"Environment": {"Variables": {"LARGE_VAR": "x" * 4081}}}, invalid(OVER_4_KB)),
    "level of text": ({"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "DEBUG"}},
                      invalid(LEVEL_OF_TEXT)),
    "many tags": ({"Tags": {f"k{n}": "v" for n in range(51)}},
                  invalid("Number of tags exceeds resource tag limit.")),
    "long name": ({"FunctionName": "a" * 65}, invalid(
        f"1 validation error detected: Value '{'a' * 65}' at 'functionName' {FAILED} "
        "have length less than or equal to 64")),
}


@pytest.mark.parametrize("case", CREATIONS)
def test_a_refused_creation(lax, case):
    changes, expected = CREATIONS[case]
    assert refusal(lax.create_function, **creation("refused", **changes)) == expected
    assert refusal(lax.get_function, FunctionName="refused") == no_function("refused")


def test_an_unknown_runtime_is_told_the_known_ones(lax):
    status, code, fault, key, text = refusal(lax.create_function, **creation("refused", Runtime="PYTHON3.11"))
    assert (status, code, fault, key) == (400, "InvalidParameterValue", "User", "message")
    assert text.startswith(f"Value PYTHON3.11 at 'runtime' {FAILED} satisfy enum value set: [nodejs20.x, ")
    assert text.endswith("] or be a valid ARN")


@pytest.mark.parametrize("parameter,value", [
    ("TracingConfig", {"Mode": "Active"}), ("Layers", ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]),
    ("VpcConfig", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}),
    ("DeadLetterConfig", {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}),
    ("ImageConfig", {"Command": ["x"]}),
    ("KMSKeyArn", "arn:aws:kms:us-east-1:000000000000:key/k"),
])
def test_what_has_no_effect_yet_is_refused_by_name(client, deploy, parameter, value):
    name = deploy(CODE)
    for call, arguments in [(client.create_function, creation("refused")),
                            (client.update_function_configuration, {"FunctionName": name})]:
        refused = refusal(call, **arguments, **{parameter: value})
        assert refused[:4] == invalid("")[:4] and parameter in refused[4]


UPDATES = {
    "role": ({"Role": "r1"}, BAD_ROLE),
    "much memory": ({"MemorySize": 10_241}, TOO_MUCH_MEMORY),
    "much time": CREATIONS["much time"],
    "much storage": CREATIONS["much storage"],
    "retired runtime": CREATIONS["retired runtime"],
    "large variables": CREATIONS["large variables"],
    "level of text": ({"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}}, invalid(LEVEL_OF_TEXT)),
    "stale revision": ({"RevisionId": "wrong"}, (
        412, "PreconditionFailed", "User", "message", "The Revision Id provided does not match the latest "
        "Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")),
}


def test_a_refused_update_changes_nothing(lax, deploy):
    name = deploy(CODE)
    before = lax.get_function_configuration(FunctionName=name)["RevisionId"]
    for case, (changes, expected) in UPDATES.items():
        found = refusal(lax.update_function_configuration, FunctionName=name, **changes)
        assert found == expected, case
    assert lax.get_function_configuration(FunctionName=name)["RevisionId"] == before


def test_a_function_that_is_not_there(client):
    name, arn = "nowhere", ARN + "nowhere"
    for call, arguments in [
        (client.get_function, {}), (client.get_function_configuration, {}), (client.delete_function, {}),
        (client.update_function_configuration, {"Timeout": 5}), (client.update_function_code, {"ZipFile": CODE}),
    ]:
        assert refusal(call, FunctionName=name, **arguments) == no_function(name)
    for call, arguments in [(client.list_tags, {}), (client.tag_resource, {"Tags": {"a": "b"}}),
                            (client.untag_resource, {"TagKeys": ["a"]})]:
        assert refusal(call, Resource=arn, **arguments) == no_function(name)
    for arguments in ({}, {"InvocationType": "DryRun"}):
        assert refusal(client.invoke, FunctionName=name, **arguments) == no_function(f"{name}:$LATEST")


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "invoke", "delete_function"])
def test_a_name_that_means_no_function_here(client, deploy, operation):
    name, call = deploy(CODE), getattr(client, operation)
    elsewhere = ARN.replace("us-east-1", "eu-west-1") + name
    assert refusal(call, FunctionName=elsewhere) == not_found(
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
    of_others = ARN.replace("000000000000", "111111111111") + name
    for foreign in (of_others, f"111111111111:function:{name}"):
        assert refusal(call, FunctionName=foreign) == (403, "AccessDenied", None, None, None)
    assert refusal(call, FunctionName=f"{name}:1", Qualifier="2") == invalid(
        "The derived qualifier from the function name does not match the specified qualifier.")
    if operation == "delete_function":
        assert call(FunctionName=name, Qualifier="7")["ResponseMetadata"]["HTTPStatusCode"] == 204
    else:
        assert refusal(call, FunctionName=name, Qualifier="7") == no_function(f"{name}:7")
    if operation != "delete_function":
        assert refusal(call, FunctionName=f"{name}:unknown") == no_function(f"{name}:unknown")


def test_latest_goes_with_its_function_alone(client, deploy):
    name = deploy(CODE)
    assert refusal(client.delete_function, FunctionName=name, Qualifier="$LATEST") == invalid(
        "$LATEST version cannot be deleted without deleting the function.")


def test_the_life_of_tags(client, deploy):
    resource = ARN + deploy(CODE)
    steps = [
        (client.tag_resource, {"Tags": {"A": "a"}}, {"A": "a"}),
        (client.tag_resource, {"Tags": {"B": "b", "C": "c"}}, {"A": "a", "B": "b", "C": "c"}),
        (client.tag_resource, {"Tags": {"C": "new", "D": ""}}, {"A": "a", "B": "b", "C": "new", "D": ""}),
        (client.untag_resource, {"TagKeys": ["A", "C"]}, {"B": "b", "D": ""}),
        (client.untag_resource, {"TagKeys": ["F"]}, {"B": "b", "D": ""}),
        (client.untag_resource, {"TagKeys": ["B", "D", "F"]}, {}),
    ]
    for call, arguments, left in steps:
        assert call(Resource=resource, **arguments)["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert client.list_tags(Resource=resource)["Tags"] == left


def test_tags_belong_to_functions_and_are_fifty_at_most(client, deploy):
    resource = ARN + deploy(CODE, Tags={f"k{n}": "v" for n in range(50)})
    for version in (":1", ":$LATEST", ":live"):
        for call, arguments in [(client.tag_resource, {"Tags": {"A": "a"}}), (client.list_tags, {}),
                                (client.untag_resource, {"TagKeys": ["A"]})]:
            assert refusal(call, Resource=resource + version, **arguments) == invalid(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.")
    assert refusal(client.tag_resource, Resource=resource, Tags={"another": "v"}) == invalid(
        "Number of tags exceeds resource tag limit.")


def test_code_size_counts_packages_and_not_their_settings(client, deploy):
    used = lambda: client.get_account_settings()["AccountUsage"]["TotalCodeSize"]  # noqa: E731
    before = used()
    name = deploy(CODE)
    assert used() == before + len(CODE)
    client.update_function_configuration(FunctionName=name, Description="d")
    settled(client, name)
    assert used() == before + len(CODE)


UNRECOGNIZED = "Unrecognized token '{}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
PAYLOADS = {
    b"abc": (UNRECOGNIZED.format("abc"), 1, 4),
    b"\n\n tru": (UNRECOGNIZED.format("tru"), 3, 5),
    b"\x99": ("Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, "
              "Array, Object or token 'null', 'true' or 'false')", 1, 1),
    b'"\x87"': ("Invalid UTF-8 start byte 0x87", 1, 3),
    b'"\xc3-"': ("Invalid UTF-8 middle byte 0x2d", 1, 4),
    b'{"a":2 1}': ("Unexpected character ('1' (code 49)): was expecting comma to separate Object entries", 1, 8),
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_that_is_not_json(server, client, deploy, payload):
    path = f"{FUNCTIONS}/{deploy(CODE)}/invocations"
    status, headers, body = raw(server, "POST", path, signed(server, "POST", path, payload), payload)
    text, line, column = PAYLOADS[payload]
    assert (status, error_type(headers)) == (400, "InvalidRequestContentException")
    assert json.loads(body) == {"Type": "User", "message": (
        f"Could not parse request body into json: Could not parse payload into json: {text}\n"
        f" at {SOURCE}; line: {line}, column: {column}]")}


@pytest.mark.parametrize("context", ["***", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()])
def test_a_client_context_that_is_none(client, deploy, context):
    assert refusal(client.invoke, FunctionName=deploy(CODE), ClientContext=context) == (
        400, "InvalidRequestContent", "User", "message",
        "Client context must be a valid Base64-encoded JSON object.")


def test_the_headers_of_an_invoke(client, deploy):
    name = deploy(CODE)
    always = {"date", "x-amzn-requestid", "x-amzn-remapped-content-length"}
    ran = always | {"content-type", "content-length", "x-amz-executed-version", "x-amzn-trace-id"}
    for arguments, status, expected in [
        ({}, 200, ran), ({"LogType": "Tail"}, 200, ran | {"x-amz-log-result"}),
        ({"InvocationType": "DryRun"}, 204, always),
    ]:
        answer = client.invoke(FunctionName=name, Payload=b"{}", **arguments)
        assert answer["StatusCode"] == status
        assert set(answer["ResponseMetadata"]["HTTPHeaders"]) == expected


NEVER_500 = [
    *(("POST", FUNCTIONS, body) for body in (
        b"", b"abc", b"[]", b'"x"', b"null", b"{}", b'{"FunctionName":1}', b'{"FunctionName":{"a":["b"]}}',
        b'{"FunctionName":"r","Code":"x"}', b'{"Code":{"ZipFile":"***"}}', b'{"Timeout":99999999999999999999}',
        b'{"Timeout":3000000000}', b'{"Timeout":1e400}', b'{"Timeout":1.5}', b'{"Publish":"yes"}', b"\xff\xfe",
        b'{"FunctionName":"\\ud800"}', b'{"Environment":{"Variables":[]}}', b'{"Layers":[null]}',
        b'{"Tags":{"a":null}}', b'{"a":' + b"[" * 5_000)),
    *(("GET", FUNCTIONS + end, b"") for end in (
        "/%ff", "/%zz", "/a%2Fb", "/a%00", "//x", "/?MaxItems=abc", "/?MaxItems=99999999999999",
        "/?MaxItems=", "/?Marker=%FF", "/?MaxItems=-1", "/x/nothing", "/?FunctionVersion=x")),
    ("PUT", f"{FUNCTIONS}/x", b""), ("PATCH", f"{FUNCTIONS}/x", b""), ("GET", "/", b""),
    ("DELETE", "/2017-03-31/tags/x", b""), ("PUT", f"{FUNCTIONS}/x/code", b'{"ZipFile":5}'),
]


@pytest.mark.parametrize("method,path,body", NEVER_500)
def test_a_broken_request_is_the_callers_fault(server, method, path, body):
    status, headers, answer = raw(server, method, path, signed(server, method, path, body), body)
    assert status in (400, 404), answer
    assert error_type(headers) in (
        "ValidationException", "SerializationException", "InvalidParameterValueException",
        "UnknownOperationException")


def test_a_repeated_or_unknown_query_harms_nobody(server):
    for query in ("?MaxItems=1&MaxItems=2", "?unknown=1"):
        path = FUNCTIONS + "/" + query
        assert raw(server, "GET", path, signed(server, "GET", path))[0] == 200
