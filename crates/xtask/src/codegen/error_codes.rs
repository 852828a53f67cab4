//! Error codes: the model's exceptions, and the family that AWS answers with but does not model.

use std::fmt::Write;

use super::files::Files;
use super::model::{Model, Shape};

/// (code, status, key of the text, whether `"Type":"User"` is sent). Answers of AWS show them; the
/// model does not have them. `NotImplementedException` is ours.
const UNMODELLED: &[(&str, u16, &str, bool)] = &[
    ("AccessDeniedException", 403, "Message", false),
    ("ExpiredTokenException", 403, "message", false),
    ("IncompleteSignatureException", 403, "message", false),
    ("InvalidSignatureException", 403, "message", false),
    ("MissingAuthenticationTokenException", 403, "message", false),
    ("NotImplementedException", 501, "message", true),
    ("RequestEntityTooLargeException", 413, "message", false),
    ("SerializationException", 400, "message", false),
    ("UnknownOperationException", 404, "message", false),
    ("UnrecognizedClientException", 403, "message", false),
    ("ValidationException", 400, "message", false),
];

/// One row of the table.
struct Row<'a> {
    code: &'a str,
    status: u16,
    key: &'a str,
    typed: bool,
}

pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let modelled = model
        .shapes
        .iter()
        .filter_map(|(code, shape)| row(code, shape));
    let unmodelled = UNMODELLED.iter().map(|&(code, status, key, typed)| Row {
        code,
        status,
        key,
        typed,
    });
    let mut rows: Vec<Row> = modelled.chain(unmodelled).collect();
    rows.sort_by_key(|row| row.code);
    let mut variants = String::new();
    let mut codes = String::new();
    let mut statuses = String::new();
    let mut all = String::new();
    for row in &rows {
        let name = row.code.strip_suffix("Exception").unwrap_or(row.code);
        writeln!(variants, "/// `{}`, {}\n{name},", row.code, row.status)?;
        writeln!(codes, "Self::{name} => \"{}\",", row.code)?;
        writeln!(statuses, "Self::{name} => {},", row.status)?;
        writeln!(all, "Self::{name},")?;
    }
    let capital = matching(&rows, |row| row.key == "Message");
    let untyped = matching(&rows, |row| !row.typed);
    let code = format!(
        "/// A code that an answer can carry in `x-amzn-ErrorType`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {{\n{variants}}}

        impl ErrorCode {{
            /// Every code, by name.
            pub const ALL: &'static [Self] = &[\n{all}];

            /// AWS's name, for instance `ResourceNotFoundException`.
            pub const fn as_str(self) -> &'static str {{ match self {{\n{codes}}} }}

            /// The HTTP status.
            pub const fn status(self) -> u16 {{ match self {{\n{statuses}}} }}

            /// The key of the text in the JSON body: AWS writes some with a capital.
            pub const fn message_key(self) -> &'static str {{
                match self {{ {capital} => \"Message\", _ => \"message\" }}
            }}

            /// Whether the body says whose fault it is, in `Type`.
            pub const fn has_type(self) -> bool {{ !matches!(self, {untyped}) }}
        }}\n"
    );
    files.rust(
        "error_code.rs",
        "Every error code, its status and the form of its body.",
        &code,
    );
    Ok(())
}

fn row<'a>(code: &'a str, shape: &'a Shape) -> Option<Row<'a>> {
    let error = shape.error.as_ref().filter(|_| shape.exception)?;
    let capital = shape.members.iter().any(|(member, _)| member == "Message");
    Some(Row {
        code,
        status: error.http_status_code,
        key: if capital { "Message" } else { "message" },
        typed: true,
    })
}

fn matching(rows: &[Row], wanted: impl Fn(&Row) -> bool) -> String {
    let rows = rows.iter().filter(|row| wanted(row));
    let names: Vec<String> = rows
        .map(|row| {
            format!(
                "Self::{}",
                row.code.strip_suffix("Exception").unwrap_or(row.code)
            )
        })
        .collect();
    names.join(" | ")
}
