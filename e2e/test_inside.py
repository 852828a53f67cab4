"""What must work inside a sandbox as it does anywhere."""

JVM = """
import subprocess
def handler(event, context):
    done = subprocess.run(["java", "-Xmx64m", "-Xshare:auto", "-version"], capture_output=True, text=True)
    return [done.returncode, done.stderr]
"""


def test_a_jvm_starts(deploy, invoke):
    name = deploy({"index.py": JVM}, MemorySize=1024, Timeout=60)
    code, text = invoke(name)["Json"]
    assert code == 0 and "VM" in text, text
