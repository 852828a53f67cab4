"""A function that talks to the world as programs do: through libraries and tools, unmodified, with TLS and names."""

import asyncio
import json
import os
import subprocess

ROOT = "/var/task/root.pem"
PAGE = "https://web.example/page"
MEGABYTE = b"x" * 1_000_000


def handler(event, context):
    return globals()[event["do"]](**event.get("with", {}))


def with_requests():
    import requests
    with requests.Session() as session:
        page = session.get(PAGE, verify=ROOT, timeout=10).json()
        uploaded = session.post("https://web.example/", data=MEGABYTE, verify=ROOT, timeout=10).json()
        by_address = session.get("https://[2001:db8::10]/six", verify=ROOT, timeout=10).json()
        plain = session.get("http://four.example/bytes/1000000", timeout=10)
        try:
            session.get("https://metadata.example/", timeout=5)
            refused = False
        except requests.exceptions.ConnectionError:
            refused = True
    return [page["tls"], uploaded["bytes"], by_address["path"], len(plain.content), refused]


def with_urllib3():
    import urllib3
    pool = urllib3.PoolManager(ca_certs=ROOT, retries=urllib3.Retry(2))
    pages = [pool.request("GET", PAGE).json()["tls"] for _ in range(5)]
    try:
        urllib3.PoolManager(retries=False).request("GET", PAGE)
        trusted = True
    except urllib3.exceptions.SSLError:
        trusted = False
    return [pages, trusted]


def with_aiohttp(resolver="threaded"):
    import ssl

    import aiohttp

    async def pages():
        context = ssl.create_default_context(cafile=ROOT)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=50)) as session:
            async def one(number):
                async with session.get(f"https://web.example/{number}") as answer:
                    return (await answer.json())["path"]

            got = await asyncio.gather(*map(one, range(100)))
            async with session.get("http://web.example/bytes/5000000") as answer:
                size = sum([len(part) async for part in answer.content.iter_chunked(65536)])
            return [got == [f"/{number}" for number in range(100)], size]

    return asyncio.run(pages())


def with_boto3():
    import boto3
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    tables = session.client("dynamodb", endpoint_url="https://web.example", verify=ROOT).list_tables()
    storage = session.client("s3", endpoint_url="https://web.example", verify=ROOT)
    put = storage.put_object(Bucket="bucket", Key="key", Body=MEGABYTE)
    return [tables["TableNames"], put["ResponseMetadata"]["HTTPStatusCode"]]


def with_curl():
    def curl(*arguments):
        done = subprocess.run(["curl", "-sS", "--max-time", "10", *arguments], capture_output=True, text=True)
        return [done.returncode, done.stdout or done.stderr.strip()]

    both = [json.loads(curl(f"-{version}", "--cacert", ROOT, PAGE)[1])["tls"] for version in (4, 6)]
    uploaded = curl("--cacert", ROOT, "-T", ROOT, "https://web.example/upload")
    several = curl("--parallel", *["http://four.example/bytes/100"] * 10)
    refused = [curl(f"http://{host}/")[0] for host in ("169.254.169.254", "host.example", "127.0.0.1")]
    return [both, json.loads(uploaded[1])["bytes"] == os.path.getsize(ROOT), len(several[1]), refused]


def with_a_jvm():
    done = subprocess.run(["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", "/var/task", "Client", ROOT, PAGE],
                          capture_output=True, text=True, timeout=50)
    return [done.returncode, done.stdout.splitlines(), done.stderr[-2000:]]


def with_the_servers_api(endpoint, key, secret, called):
    import boto3
    from botocore.config import Config
    client = boto3.client("lambda", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key,
                          aws_secret_access_key=secret,
                          config=Config(retries={"total_max_attempts": 1}, connect_timeout=5))
    try:
        return json.load(client.invoke(FunctionName=called, Payload=b'"from a function"')["Payload"])
    except Exception as error:
        return type(error).__name__
