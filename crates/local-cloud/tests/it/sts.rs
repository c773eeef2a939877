//! Who am I.

use crate::support::{Sandbox, in_session};

#[tokio::test]
async fn the_operator_and_an_instance_learn_who_they_are() {
    let cloud = Sandbox::with_state(in_session).await;
    let ask = "Action=GetCallerIdentity&Version=2011-06-15";
    insta::assert_snapshot!(cloud.operator().form("sts", ask).await.shown(), @r#"
    200
    <?xml version="1.0" encoding="UTF-8"?>
    <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <GetCallerIdentityResult>
    <Arn>arn:aws:iam::000000000000:user/local</Arn>
    <UserId>AIDALOCALCLOUDUSER00</UserId>
    <Account>000000000000</Account>
    </GetCallerIdentityResult>
    <ResponseMetadata>
    <RequestId>…</RequestId>
    </ResponseMetadata>
    </GetCallerIdentityResponse>
    "#);
    insta::assert_snapshot!(cloud.instance().form("sts", ask).await.element("Arn").unwrap(), @"arn:aws:sts::000000000000:assumed-role/local-role/i-0c0c0c0c0c0c0c0c0");
}

#[tokio::test]
async fn an_unknown_action_is_refused_as_aws_does() {
    let cloud = Sandbox::start().await;
    let answer = cloud.operator().form("sts", "Action=AssumeRole&Version=2011-06-15").await;
    insta::assert_snapshot!(answer.shown(), @r#"
    400
    <?xml version="1.0" encoding="UTF-8"?>
    <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <Error>
    <Type>Sender</Type>
    <Code>InvalidAction</Code>
    <Message>The action AssumeRole is not valid for this web service.</Message>
    </Error>
    <RequestId>…</RequestId>
    </ErrorResponse>
    "#);
}
