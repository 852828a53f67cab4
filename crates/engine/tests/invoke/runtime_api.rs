//! What a runtime sees of its invocation, and what it hears when it calls out of turn.

use crate::place::{Ended, Place};
use lambkin_model::Qualifier;

pub(crate) async fn an_event_comes_with_awss_headers(place: &Place) {
    let function = place.deploy("headers", None).await;
    let mut request = function.request(r#"{"run": "out = [head, time.time()]"}"#.into());
    request.qualifier = Some(Qualifier::Latest);
    request.client_context = Some("{\"custom\":\n{\"k\": \"ü\"}}".into());
    request.trace = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into());
    let id = request.request_id;
    let answer = place.engine.invoke(request).await.expect("an answer");
    assert!(
        answer
            .trace
            .starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=")
    );
    let trace = answer.trace.clone();
    let ended = Ended::of(answer, id);
    let head = &ended.json[0];
    assert_eq!(head["Content-Type"], "application/json");
    assert_eq!(head["Lambda-Runtime-Aws-Request-Id"], ended.id);
    assert_eq!(head["Lambda-Runtime-Trace-Id"], trace);
    assert_eq!(
        head["Lambda-Runtime-Invoked-Function-Arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:headers:$LATEST"
    );
    let context = head["Lambda-Runtime-Client-Context"]
        .as_str()
        .expect("a context");
    assert!(context.starts_with("{\"custom\": {\"k\": "), "{context}");
    let deadline_ms: f64 = head["Lambda-Runtime-Deadline-Ms"]
        .as_str()
        .expect("a deadline")
        .parse()
        .expect("a number");
    let left_s = deadline_ms / 1_000.0 - ended.json[1].as_f64().expect("a time");
    assert!((8.0..=10.1).contains(&left_s), "{left_s}");
}

pub(crate) async fn calls_out_of_turn_are_refused_as_aws_refuses_them(place: &Place) {
    let function = place.deploy("refusals", None).await;
    let ended = function
        .run(concat!(
            "out = [call('GET', '/ping'), call('GET', '/nowhere'), call('DELETE', NEXT),\n",
            "  call('POST', '/runtime/invocation/x/response', '1'), call('POST', '/runtime/init/error', '{}'),\n",
            "  call('GET', NEXT)[2]['Lambda-Runtime-Aws-Request-Id'] == id]",
        ))
        .await;
    let statuses: Vec<_> = (0..5)
        .map(|n| ended.json[n][0].as_u64().unwrap_or(0))
        .collect();
    assert_eq!(statuses, [200, 404, 405, 400, 403], "{ended:?}");
    assert_eq!(
        ended.json[3][1],
        "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"
    );
    assert_eq!(ended.json[5], true, "the same event again");
    let ended = function
        .run(concat!(
            "first = call('POST', here + '/response', '1'); answered = True\n",
            "print(first[0], first[1].encode(), call('POST', here + '/response', '2')[:2], flush=True)",
        ))
        .await;
    assert_eq!(ended.json, 1);
    let ended = function.run("out = runs").await;
    assert_eq!(ended.json, 3, "one program served all of it");
}

pub(crate) async fn a_stream_is_collected_and_its_trailers_are_heard(place: &Place) {
    let function = place.deploy("streams", None).await;
    let begun = "s = socket.create_connection(('127.0.0.1', 9001)); answered = True\n\
         s.sendall(('POST /2018-06-01' + here + '/response HTTP/1.1\\r\\nHost: x\\r\\n'\n\
         'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n'\n\
         'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n'\n\
         '3\\r\\n\"on\\r\\n').encode()); time.sleep(0.05)\n";
    let stream = |end: &str| format!("{begun}s.sendall(b'2\\r\\ne\"\\r\\n{end}'); s.recv(99)");
    let ended = function.run(&stream("0\\r\\n\\r\\n")).await;
    assert_eq!(
        (ended.failed, &ended.json),
        (false, &"one".into()),
        "{ended:?}"
    );
    let trailers = "0\\r\\nLambda-Runtime-Function-Error-Type: Runtime.StreamError\\r\\n\
                    Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJUIn0=\\r\\n\\r\\n";
    let ended = function.run(&stream(trailers)).await;
    assert!(ended.failed, "{ended:?}");
    assert_eq!(ended.json["errorType"], "T");
    assert!(
        ended
            .tail
            .contains("\tStatus: error\tError Type: Runtime.StreamError\n"),
        "{ended:?}"
    );
    let ended = function.run(&format!("{begun}s.close()")).await;
    assert_eq!(
        ended.json["errorType"], "Runtime.TruncatedResponse",
        "{ended:?}"
    );
    assert_eq!(function.run("out = 1").await.json, 1);
}
