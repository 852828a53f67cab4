//! Several CommonJS files as one: to find, read and compile a file of its own costs each start more than to run it.
//!
//! A file is a function of it, called when the first other one requires it by its path, which begins with `./`. What
//! has another path is Node.js's or the function's. Refuses: circles, and anything but `module`, `exports`, `require`.

const HEAD: &str = "'use strict';
const files = {
";
/// The brackets make V8 compile a file at once, instead of looking for its end first.
const FILE_HEAD: &str = "': (function (module, exports, require) {\n";
const FILE_END: &str = "}),\n";
const END: &str = "};
const loaded = {};
function load(path) {
  if (!Object.hasOwn(files, path)) return require(path);
  if (Object.hasOwn(loaded, path)) return loaded[path].exports;
  const module = { exports: {} };
  loaded[path] = module;
  files[path](module, module.exports, load);
  return module.exports;
}
";

/// The text of one file that does what `entry` of these does.
pub(super) fn bundle(entry: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut text = HEAD.as_bytes().to_vec();
    for (name, content) in files {
        text.extend(format!("'./{name}").bytes().chain(FILE_HEAD.bytes()));
        text.extend_from_slice(content);
        text.extend(FILE_END.bytes());
    }
    text.extend(END.bytes());
    text.extend(format!("load('./{entry}');\n").bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_function_and_the_entry_is_called_last() {
        let files: [(&str, &[u8]); 2] = [("a.cjs", b"require('./b.cjs');\n"), ("b.cjs", b"1;\n")];
        let text = String::from_utf8(bundle("a.cjs", &files)).unwrap();
        assert!(text.contains(
            "'./a.cjs': (function (module, exports, require) {\nrequire('./b.cjs');\n}),\n"
        ));
        assert!(text.contains("'./b.cjs': (function (module, exports, require) {\n1;\n}),\n};\n"));
        assert!(text.ends_with("}\nload('./a.cjs');\n"));
    }
}
