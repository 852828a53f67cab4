//! Whole templates, from their text to functions.

use super::*;

use lambkin_wire::shapes::SnapStartApplyOn;
use std::fs;

const TEMPLATE: &str = r"
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Colour: {Type: String, Default: teal}
  Seconds: {Type: Number, Default: 7}
  Open: {Type: String}
Globals:
  Function:
    Timeout: !Ref Seconds
    MemorySize: 256
    Runtime: python3.11
    Environment: {Variables: {COLOUR: !Ref Colour, BOTH: global}}
    SnapStart: {ApplyOn: PublishedVersions}
  Api: {Cors: '*'}
Resources:
  Painter:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub '${Colour}-painter'
      Handler: app.handler
      CodeUri: src/
      Policies: [!Ref Table]
      Environment:
        Variables:
          PLACE: !Sub '${Colour}-room in ${AWS::Region}/${AWS::AccountId}, ${!literal}'
          BOTH: own
          COUNT: 3
          OTHER: !GetAtt Plain.Arn
          WHERE: !Sub ['${x}.${Plain}', {x: !Join ['-', [a, !Ref Colour]]}]
          TABLE: !Ref Table
          GONE: !Ref AWS::NoValue
          UNKNOWN: !Select [0, [a]]
      Events:
        Web: {Type: Api}
  Plain:
    Type: AWS::Serverless::Function
    Condition: Never
    Properties: {Handler: app.handler, CodeUri: src, Timeout: '9', Tags: {team: !Ref Open}, SnapStart: {ApplyOn: None}}
  Table:
    Type: AWS::DynamoDB::Table
Outputs:
  Name: {Value: !Ref Painter}
";

struct Project(tempfile::TempDir);

impl Project {
    fn new(template: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("template.yaml"), template).unwrap();
        Self(folder)
    }

    fn read(&self) -> Template {
        let place = Place {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
        };
        let file = find(self.0.path()).unwrap().remove(0);
        Template::read(&file, &place).unwrap()
    }
}

#[test]
fn globals_parameters_and_intrinsics_become_values() {
    let template = Project::new(TEMPLATE).read();
    assert_eq!(template.rejected, []);
    let [painter, plain] = &template.functions[..] else {
        panic!("{:?}", template.functions)
    };
    assert_eq!(
        (painter.name.as_str(), plain.name.as_str()),
        ("teal-painter", "Plain")
    );
    assert_eq!(
        (painter.timeout_s, plain.timeout_s, plain.memory_mb),
        (7, 9, 256)
    );
    assert_eq!(painter.runtime.as_deref(), Some("python3.11"));
    assert_eq!(
        (painter.snap_start, plain.snap_start),
        (SnapStartApplyOn::PublishedVersions, SnapStartApplyOn::None)
    );
    let expected = [
        ("BOTH", "own"),
        ("COLOUR", "teal"),
        ("COUNT", "3"),
        (
            "OTHER",
            "arn:aws:lambda:eu-west-1:123456789012:function:Plain",
        ),
        ("PLACE", "teal-room in eu-west-1/123456789012, ${literal}"),
        ("TABLE", "Table"),
        ("WHERE", "a-teal.Plain"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(painter.variables, BTreeMap::from(expected));
    assert_eq!(plain.variables["BOTH"], "global");
    assert_eq!(plain.role, "arn:aws:iam::123456789012:role/lambkin-dev");
}

#[test]
fn all_that_has_no_effect_is_named_once() {
    let mut named = Project::new(TEMPLATE).read().not_understood;
    named.sort();
    let expected = [
        "Fn::Select at Painter.Environment.Variables.UNKNOWN",
        "Globals.Api",
        "Outputs",
        "Painter.Events",
        "Painter.Policies",
        "Plain.Condition",
        "Ref Table at Painter.Environment.Variables.TABLE; it is given as \"Table\"",
        "Table (AWS::DynamoDB::Table)",
        "parameter Open, which has no default, at Plain.Tags.team",
    ];
    assert_eq!(named, expected);
}

#[test]
fn the_build_follows_runtime_and_metadata() {
    let template = "
Resources:
  Rusty:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: one, Flags: [x]}}
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: src}
  Made:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: src}
  Image: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}
  Gone: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs20.x, CodeUri: nowhere}}
  Far: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://bucket/key'}}
  Sized: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, MemorySize: big}}
  Snapped: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, SnapStart: {ApplyOn: Everything}}}
  Inline: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs20.x, InlineCode: x}}
";
    let template = Project::new(template).read();
    let [inline, rusty] = &template.functions[..] else {
        panic!("{:?}", template.functions)
    };
    assert_eq!(inline.source, Source::Inline("x".into()));
    assert_eq!(inline.snap_start, SnapStartApplyOn::None);
    let cargo = Build::Cargo {
        binary: Some("one".into()),
    };
    assert!(matches!(&rusty.source, Source::Folder { build, .. } if *build == cargo));
    assert_eq!(
        template.not_understood,
        ["Rusty.Metadata.BuildProperties.Flags"]
    );
    let reasons = [
        ("Far", "S3"),
        ("Gone", "nowhere"),
        ("Image", "Image"),
        ("Made", "makefile"),
        ("Sized", "MemorySize"),
        ("Snapped", "Everything"),
    ];
    assert_eq!(template.rejected.len(), reasons.len());
    for (rejected, (id, reason)) in template.rejected.iter().zip(reasons) {
        assert!(
            rejected.logical_id == id && rejected.reason.contains(reason),
            "{rejected:?}"
        );
    }
}

#[test]
fn what_sam_built_is_packed_as_it_lies() {
    let project = Project::new(TEMPLATE);
    let built = project.0.path().join(".aws-sam/build");
    fs::create_dir_all(built.join("Painter")).unwrap();
    let template = TEMPLATE
        .replace("CodeUri: src/", "CodeUri: Painter")
        .replace("CodeUri: src", "CodeUri: Painter");
    fs::write(built.join("template.yaml"), template).unwrap();
    let template = project.read();
    let root = built.join("Painter").canonicalize().unwrap();
    assert_eq!(
        template.functions[0].source,
        Source::Folder {
            root,
            build: Build::AsIs
        }
    );
    assert_eq!(
        template.functions[0].events,
        project.0.path().canonicalize().unwrap().join("events")
    );
}
