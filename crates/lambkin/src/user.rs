//! The unprivileged user that a server started as root becomes.

use anyhow::{Context, bail};

/// Used where no user of the default name exists: a number that belongs to nobody needs no account.
const NUMBER_WITHOUT_ACCOUNT: u32 = 9_550;
const DEFAULT_NAME: &str = "lambkin";

/// User and group numbers of `user`, a name of `/etc/passwd` or a number.
pub(crate) fn resolve(user: &str) -> anyhow::Result<(u32, u32)> {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = find(&table, user)?;
    if ids.0 == 0 || ids.1 == 0 {
        bail!("--user {user} is root; name an unprivileged user");
    }
    Ok(ids)
}

fn find(table: &str, user: &str) -> anyhow::Result<(u32, u32)> {
    let entry = table
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() > 3 && (fields[0] == user || fields[2] == user));
    match entry {
        Some(fields) => {
            let number = |text: &str| {
                text.parse()
                    .context("/etc/passwd holds no number for the user")
            };
            Ok((number(fields[2])?, number(fields[3])?))
        }
        None if user == DEFAULT_NAME => Ok((NUMBER_WITHOUT_ACCOUNT, NUMBER_WITHOUT_ACCOUNT)),
        None => match user.parse() {
            Ok(number) => Ok((number, number)),
            Err(_) => bail!("there is no user {user}; make it with: useradd --system {user}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n";

    #[test]
    fn names_numbers_and_the_default_are_understood() {
        assert_eq!(find(TABLE, "alice").unwrap(), (1000, 1001));
        assert_eq!(find(TABLE, "1000").unwrap(), (1000, 1001));
        assert_eq!(find(TABLE, "4242").unwrap(), (4242, 4242));
        assert_eq!(find(TABLE, "lambkin").unwrap(), (9_550, 9_550));
        assert!(find(TABLE, "nobody-here").is_err());
    }

    #[test]
    fn root_is_refused() {
        assert!(resolve("0").is_err());
    }
}
