"""Says hello: the smallest function."""


def handler(event, context):
    return {"ok": True, "n": event["n"]}
