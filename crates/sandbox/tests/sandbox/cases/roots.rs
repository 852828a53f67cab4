//! Binds over the standard root.

use std::fs;

use lambkin_sandbox::{Bind, Error, Exit, Root};

use crate::place::{self, Place};

fn bind(place: &Place, source: &str, target: &str) -> Bind {
    Bind {
        source: place.folder.path().join(source),
        target: target.into(),
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
