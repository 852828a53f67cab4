"""CPU goes with memory, from the first `next` on; INIT has a whole core."""

SPIN = """
import resource, time

def share(seconds):
    # What the kernel gave this process while it wanted all.
    start, used = time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        pass
    return (time.process_time() - used) / (time.monotonic() - start)

at_init = share(0.5)

def handler(event, context):
    return {'init': at_init, 'invoke': share(1.0), 'files': resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            'core': resource.getrlimit(resource.RLIMIT_CORE)[1]}
"""
# 128 MB are 128 / 1,769 of a core; the quota is counted in periods of 20 ms, and the first one may be unspent.
SHARE_128_MB = 128 / 1769
SLACK = 1.5


def test_cpu_goes_with_memory_and_init_has_a_core(deploy, invoke):
    name = deploy({"index.py": SPIN}, MemorySize=128)
    for seen in (invoke(name)["Json"], invoke(name)["Json"]):
        assert SHARE_128_MB / SLACK / 2 < seen["invoke"] < SHARE_128_MB * SLACK, seen
        # Whatever else the machine does, INIT gets several times as much.
        assert seen["init"] > 3 * seen["invoke"], seen
    assert (seen["files"], seen["core"]) == (1024, 0)


def test_twice_the_memory_is_twice_the_cpu(deploy, invoke):
    shares = [invoke(deploy({"index.py": SPIN}, MemorySize=memory))["Json"]["invoke"] for memory in (128, 256)]
    assert 1.5 < shares[1] / shares[0] < 2.7, shares
