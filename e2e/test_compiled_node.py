"""Node.js's code is compiled once for all environments, and nobody can tell but by the time."""

import io
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from harness.package import zip_files
from harness.raw_zip import Entry, archive, link
from harness.renewing import Renewing

INDEX = (Path(__file__).parent / "inside/loading.cjs").read_text()
# Enough for a file to be worth it; it notes from where it was called.
BULK = "".join(f"function function{i}(a, b) {{ return [a, b, {i}, () => function{i}]; }}\n" for i in range(250))
BULK += "module.loadedIn = new Error().stack;\n"
MAP = ("data:application/json;base64,"
       "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbIm9yaWdpbmFsLnRzIl0sIm5hbWVzIjpbXSwibWFwcGluZ3MiOiJBQUFBIn0=")
MAPPED = "module.exports = () => require('module').findSourceMap(__filename)?.payload.sources;"
FILES = {
    "around.js": "module.exports = [this === exports, arguments.length, arguments.callee.toString().slice(0, 99), __filename,"
                 " __dirname, arguments.callee.caller === null, require.main.id, require.main === module, module.parent.id, require.resolve('./early')];",
    "circle.js": "exports.early = 1; exports.seen = require('./back');",
    "back.js": "module.exports = Object.keys(require('./circle'));",
    "folder/other.cjs": "module.exports = [__filename, require('../data.json'), require('module')._cache === require.cache];",
    "early.js": "module.exports = 'one'; return 'and no more';",
    # What is in here is compiled by some versions of Node.js.
    "either/eval.js": "module.exports = (text) => eval(text);",
    "either/function.js": "module.exports = (text) => new Function(`return ${text}`)();",
    "either/imports.js": "exports.name = 'imports'; exports.file = () => import('../early.js');\n"
                         "exports.module = () => import('../module.mjs'); exports.missing = () => import('./missing.mjs');",
    "either/unread.js": "module.exports = 'read';",
    "elsewhere.js": "exports.place = new Error().stack.split('\\n')[1]; //# sourceURL=named-otherwise.js",
    "entry.js": "module.exports = require('one');",
    "node_modules/one/index.js": "module.exports = [__filename, module.paths];",
    "fails.js": "function deep() { throw new Error(`on purpose ${(globalThis.times = (globalThis.times ?? 0) + 1)}`); }\ndeep();",
    "invalid.js": "exports.before = 1;\nlet this is no JavaScript;",
    "mapped.js": MAPPED,
    # Bundlers leave comments of what they bundle where they were, and V8 takes the last.
    "mapped-amid.js": f"{MAPPED}\nmodule.more = [1\n//# sourceMappingURL={MAP}\n, (function () {{}})()];",
    "mapped-behind.js": f"{MAPPED} //@ sourceMappingURL={MAP}",
    "mapped-not.js": f"{MAPPED}\nmodule.text = `\n//# sourceMappingURL={MAP}\n`;",
    "named.js": "module.exports = () => [function a() {}, class B {}, exports.c = () => '//# sourceURL='].map(String);",
    "raises.js": "'use strict';\nexports.handler = () => {\n  throw new Error('on purpose');\n};",
    "strict.js": "'use strict'; module.exports = (function () { return this === undefined; })();",
    "wrapped.js": "exports.wrapped = 1;",
}
# What is loaded to its end without being in the way.
APART = {"early.js", "elsewhere.js", "fails.js", "invalid.js", "wrapped.js"}
COMPILED = sorted({name for name in FILES if not name.startswith("either/")} - APART | {"one-line.js", "value.js"})
# Notes what it is given that is no file's text.
PRELOAD = """const { prototype } = require('module');
const { _compile } = prototype;
globalThis.falseTexts = [];
prototype._compile = function (...given) {
  if (given[0].startsWith('return arguments')) globalThis.falseTexts.push(given);
  return _compile.apply(this, given);
};
"""
WRAPPER = """#!/bin/sh
case $WAY in
  heap) exec "$1" --max-old-space-size=333 "$3" "$4" "$5" ;;
  main) exec "$1" "$2" "$3" "$4" /var/task/main.js "$5" ;;
esac
"""
DEEP = (b"d" * 250 + b"/") * 16


def files(value):
    texts = {name: f"{text}\n{BULK}" for name, text in FILES.items()}
    return texts | {
        "index.js": INDEX,
        "data.json": '{"json": true}',
        "mapped.js": f"{texts['mapped.js']}//# sourceMappingURL={MAP}\n",
        "main.js": "require('./preload'); require(process.argv[2]);",
        "module.mjs": "export const inside = 1;",
        "one-line.js": "exports.place = new Error().stack.split('\\n')[1];" + BULK.replace("\n", " "),
        "preload.js": PRELOAD,
        "shebang.js": f"#!/usr/bin/env node\nexports.place = new Error().stack.split('\\n')[1];\n{BULK}",
        "small.js": "exports.stack = new Error().stack;",
        "wrapper.sh": WRAPPER,
        "value.js": f"module.exports = '{value}';\n{BULK}",
    }


def test_code_of_node_js_is_compiled_once_for_all_environments(client, deploy, invoke):
    name = deploy(files("first"), "node")
    first = invoke(name, {})["Json"]
    assert (first["value"], first["compiled"]) == ("first", [])
    seen = first["seen"]
    assert "exports.handler (/var/task/raises.js:3:9)" in seen["raised"] and seen["otherText"] == ["one", "two"]
    function = Renewing(client, invoke, name)
    found = function.until({}, lambda found: found["compiled"])["Json"]
    assert found["compiled"] == COMPILED
    assert found["seen"] == seen

    # Of changed code nothing is taken that was compiled before, though it is as long.
    client.update_function_code(FunctionName=name, ZipFile=zip_files(files("other")))
    function.settled()
    assert invoke(name, {})["Json"]["value"] == "other"
    assert function.until({}, lambda found: found["compiled"])["Json"]["value"] == "other"

    maps, none = [["file:///var/task/original.ts"]] * 3 + [None], [None] * 4
    for variables, seen_maps, compiled in (
        ({"NODE_OPTIONS": "--enable-source-maps --no-deprecation"}, maps, COMPILED),
        ({"NODE_COMPILE_CACHE": "/tmp/mine"}, none, []),
        ({"NODE_V8_COVERAGE": "/tmp/mine"}, maps, []),
        # Whoever runs first may see to it that he is asked for all texts.
        ({"NODE_OPTIONS": "--require /var/task/data.json"}, none, []),
        (through_wrapper("main"), none, []),
        # Nothing else may be read, not even what is not to be found.
        ({"NODE_OPTIONS": permission(found["version"])}, none, []),
    ):
        function.change(Environment={"Variables": variables})
        found = invoke(name, {})["Json"]
        assert (found["seen"]["maps"], found["compiled"]) == (seen_maps, compiled), variables
        assert found["seen"]["falseTexts"] == [], variables
    # V8 may take it for none of its own.
    function.change(Environment={"Variables": through_wrapper("heap")})
    found = invoke(name, {})["Json"]
    assert (found["seen"], found["compiled"]) == (seen, [] if int(found["version"][:2]) < 24 else COMPILED)
    # Another size of memory is another heap, and that is another flag of V8's.
    function.change(Environment={"Variables": {}}, MemorySize=640)
    assert function.until({}, lambda found: found["compiled"])["Json"] == found | {"compiled": COMPILED, "seen": seen}


def through_wrapper(way):
    return {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper.sh", "WAY": way}


def permission(version):
    flag = "--experimental-permission" if version.startswith("20.") else "--permission"
    files = "/opt/*", "/var/runtime*", "/var/task*", "/package.json", "/var/package.json"
    return " ".join([flag, *(f"--allow-fs-read={name}" for name in files)])


def test_what_a_package_of_node_js_holds_is_compiled_within_limits(client, deploy, invoke):
    ends = b"process.exit(0);\n" + BULK.encode()
    odd = [
        Entry(b"index.js", INDEX.encode()),
        link(b"linked.js", b"value.js"),
        link(b"loop", b"."),
        link(b"none.js", b"nothing"),
        Entry(b"folder.js/", b""),
        Entry(b"n" * 252 + b".js", BULK.encode()),
        Entry(b"d/" * 127 + b"x.js", BULK.encode()),
        # No program can name these two.
        Entry(DEEP + b"x" * 77 + b".js", BULK.encode()),
        Entry(DEEP + b"x" * 70 + b"/x.js", BULK.encode()),
        Entry(b"\xff\xfe\\..\n.js", BULK.encode()),
        Entry(b"huge.js", b" " * (17 << 20)),
        Entry(b"deep.js", b"[" * 4_000_000),
        Entry(b"nested.js", b"() => " * 100_000 + b"1"),
        Entry(b"dense.js", b"a=>a;" * 800_000),
        Entry(b"text.js", b"\xff\0\xed\xa0\x80" * 9_000),
        # Nothing of it runs: not what ends, nor what would be outside of what is put around it.
        Entry(b"ends.js", ends),
        Entry(b"leaves.js", b"});\n" + ends + b"(function () {"),
        Entry(b"inspector.js", ends),
        Entry(b"node_modules/zlib/index.js", ends),
        Entry(b"package.json", b'{"main": 1, "type": "commonjs", "imports": "ends.js"}'),
        # No program starts that takes these for its libraries.
        Entry(b"libc.so.6", b"no library"),
        Entry(b"lib/libz.so.1", b"no library"),
    ]
    plain = [Entry(name.encode(), text.encode()) for name, text in files("here").items() if name != "index.js"]
    libraries = {"Variables": {"LD_LIBRARY_PATH": "/var/lang/lib"}}
    name = deploy(archive(*odd, *plain), "node", MemorySize=1769, Environment=libraries)
    found = Renewing(client, invoke, name).until({}, lambda found: found["compiled"])["Json"]
    assert (found["value"], found["compiled"]) == ("here", COMPILED)


def test_what_there_is_no_time_or_room_for_is_left_uncompiled(tmp_path):
    node = shutil.which("node")
    if not node:
        pytest.skip("no Node.js by that name")
    package, runtime = tmp_path / "package", tmp_path / "runtime"
    package.mkdir()
    for number in range(3):
        (package / f"m{number}.js").write_text(f"module.exports = {number};\n{BULK}")
    shutil.copytree(Path(__file__).parent.parent / "runtimes" / "nodejs", runtime)
    script = runtime / "lambkin-compile.cjs"
    # As in its sandbox, but for the place of the package.
    script.write_text(script.read_text().replace("'/var/task'", f"'{package}'"))

    def compiled(bytes_max, seconds_max=45):
        done = subprocess.run([node, script, str(bytes_max), str(seconds_max)], capture_output=True, check=True)
        entries = ZipFile(io.BytesIO(done.stdout)).infolist()
        return [entry.file_size for entry in entries if entry.filename != "index.json"]

    sizes = compiled(8 << 20)
    if not sizes:
        pytest.skip("that Node.js is none for which anything is compiled")
    assert len(sizes) == 3
    # The same text is not always as long.
    half_of_one = max(sizes) // 2
    for count in range(3):
        assert len(compiled(count * max(sizes) + half_of_one)) == count
    assert compiled(8 << 20, seconds_max=0) == []
