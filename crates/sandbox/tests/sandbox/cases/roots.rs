//! Binds over the standard root.

use std::fs;

use lambkin_sandbox::{Bind, Error, Exit, Root};

use crate::place::{self, Place};

fn bind(place: &Place, source: &str, target: &str) -> Bind {
    Bind {
        source: place.folder.path().join(source),
        target: target.into(),
        copied: false,
    }
}

fn make_sources(place: &Place) {
    let folder = place.folder.path();
    fs::create_dir_all(folder.join("lang/lib/packages")).expect("folders");
    fs::write(folder.join("lang/lib/packages/hidden"), "machine").expect("a file");
    fs::create_dir(folder.join("empty")).expect("a folder");
    fs::write(folder.join("bootstrap"), "#!/bin/sh\necho booted\n").expect("a file");
}

pub(super) fn binds_are_made_in_order() {
    place::with(|place| async move {
        make_sources(&place);
        let binds = vec![
            bind(&place, "lang", "/var/lang"),
            bind(&place, "empty", "/var/lang/lib/packages"),
            bind(&place, "bootstrap", "/var/runtime/deep/bootstrap"),
            bind(&place, "bootstrap", "/opt/extensions/first"),
        ];
        let spec = || lambkin_sandbox::Spec {
            root: Root {
                binds: binds.clone(),
            },
            ..place.spec()
        };
        let mut inside = place.sandbox_of(spec()).await;
        assert_eq!(inside.sh("find /var/lang -type f").await, "");
        assert_eq!(inside.sh("sh /var/runtime/deep/bootstrap").await, "booted");
        assert_eq!(inside.sh("ls /opt/extensions").await, "first");
        assert_ne!(inside.run("echo x > /var/lang/x").await.0, Exit::Code(0));
        assert_ne!(
            inside.run("echo x > /var/runtime/deep/bootstrap").await.0,
            Exit::Code(0)
        );
        place
            .sandbox_of(spec())
            .await
            .sh("sh /opt/extensions/first")
            .await;
    });
}

pub(super) fn a_bind_never_changes_the_machine() {
    place::with(|place| async move {
        make_sources(&place);
        for (binds, why) in [
            (
                vec![
                    bind(&place, "lang", "/var/lang"),
                    bind(&place, "empty", "/var/lang/new"),
                ],
                "new",
            ),
            (vec![bind(&place, "absent", "/var/lang")], "absent"),
            (vec![bind(&place, "empty", "/var/../x")], "/var/../x"),
            (vec![bind(&place, "empty", "/usr/new")], "/usr/new"),
        ] {
            let spec = lambkin_sandbox::Spec {
                root: Root { binds },
                ..place.spec()
            };
            match place.spawner.create(&spec).await {
                Err(Error::Creation { step, .. }) => assert!(step.contains(why), "{step}"),
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("made in spite of {why}"),
            }
        }
        assert!(!place.folder.path().join("lang/new").exists());
        assert!(!std::path::Path::new("/usr/new").exists());
    });
}

pub(super) fn a_copy_hides_its_source() {
    place::with(|place| async move {
        make_sources(&place);
        let folder = place.folder.path().join("lang");
        let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let file = fs::File::options()
            .write(true)
            .open(folder.join("lib/packages/hidden"));
        file.expect("a file")
            .set_modified(modified)
            .expect("a time");
        let spec = |source| lambkin_sandbox::Spec {
            root: Root {
                binds: vec![Bind {
                    copied: true,
                    ..bind(&place, source, "/var/runtime")
                }],
            },
            ..place.spec()
        };
        let mut inside = place.sandbox_of(spec("lang")).await;
        let hidden = "/var/runtime/lib/packages/hidden";
        let seen = inside
            .sh(&format!("cat {hidden}; stat -c ' %Y %A' {hidden}"))
            .await;
        assert_eq!(seen, "machine 1000000000 -rw-r--r--");
        assert_ne!(
            inside.run(&format!("echo x > {hidden}")).await.0,
            Exit::Code(0)
        );
        let mounts = inside.sh("cat /proc/self/mountinfo").await;
        let path = place.folder.path().to_str().expect("text");
        assert!(
            mounts.contains(" /var/runtime ") && !mounts.contains(path),
            "{mounts}"
        );

        std::os::unix::fs::symlink("/etc/shadow", folder.join("link")).expect("a link");
        match place.spawner.create(&spec("lang/../lang")).await {
            Err(Error::Creation { step, .. }) => assert!(step.contains("/var/runtime"), "{step}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("a link was copied"),
        }
    });
}

/// Where the machine has only the loader there, as Debian has; elsewhere it is the machine's own folder.
pub(super) fn the_c_library_lies_in_lib64_alone() {
    let entries = fs::read_dir("/lib64").map_or(0, Iterator::count);
    if entries != 1 {
        return;
    }
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        let names = inside.sh("ls /lib64").await;
        for name in names.lines() {
            let is_its = name.starts_with("ld-linux") || name.starts_with("lib");
            assert!(is_its && names.lines().count() < 9, "{names}");
        }
        assert!(names.contains("libc.so.6"), "{names}");
        // It is found there, and what else the machine has is not.
        let path = "LD_LIBRARY_PATH=/lib64 /usr/bin/ldd /bin/ls";
        let found = inside.sh(path).await;
        assert!(found.contains("/lib64/libc.so.6"), "{found}");
        assert!(!found.contains("/lib64/libselinux"), "{found}");
    });
}
