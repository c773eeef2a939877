"""Calls every operation that the tool uses, as it uses them, and the errors that it tells apart. Prints what does not fit the model."""

import base64
import hashlib
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from strict import Strict

ENDPOINT = sys.argv[1]
IMAGE, INSTANCE, ALLOCATION, SNAPSHOT = sys.argv[2:6]
TAGS = {"veris:service": "veris-chat"}
DOCUMENT = """
name: install
schemaVersion: 1.0
parameters:
  - Version: {type: string}
phases:
  - name: build
    steps:
      - {name: Install, action: ExecuteBash, inputs: {commands: ["echo {{ Version }}"]}}
"""

strict = Strict()
session = boto3.Session()
session.events.register("before-parse", strict.look)
without_retries = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
ec2, builder, ssm, s3, sts, ebs, iam, quotas, connect, secrets = (
    session.client(name, endpoint_url=ENDPOINT, config=without_retries)
    for name in ("ec2", "imagebuilder", "ssm", "s3", "sts", "ebs", "iam", "service-quotas", "ec2-instance-connect", "secretsmanager")
)

abroad = session.client("ec2", region_name="eu-central-1", endpoint_url=ENDPOINT, config=without_retries)


def refused(code, call, **parameters):
    """The call must fail with this code."""
    try:
        call(**parameters)
        strict.wrong(call.__name__, f"succeeded instead of {code}")
    except ClientError as error:
        strict.expect(f"{call.__name__}{parameters}", error.response["Error"]["Code"], code)


def identity():
    arn = sts.get_caller_identity()["Arn"]
    context = [{"ContextKeyName": "aws:ResourceTag/veris:service", "ContextKeyType": "string", "ContextKeyValues": ["chat"]}]
    iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["ec2:RunInstances"], ResourceArns=["arn:aws:ec2:*:*:instance/*"], ContextEntries=context)
    refused("NoSuchEntity", iam.simulate_principal_policy, PolicySourceArn=arn + "x", ActionNames=["ec2:RunInstances"])
    quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-0263D0A3")
    refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-1216C47A")


def images():
    ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:veris:service", "Values": ["veris-chat"]}])
    ec2.describe_images(ImageIds=[IMAGE])
    ec2.describe_snapshots(OwnerIds=["self"])
    ec2.describe_image_references(ImageIds=[IMAGE], IncludeAllResourceTypes=True)
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-0123456789abcdef0"])
    refused("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["image"])


def copies():
    tags = [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]} for kind in ("image", "snapshot")]
    copy = {"SourceImageId": IMAGE, "SourceRegion": "ap-southeast-2", "Name": "copy", "TagSpecifications": tags, "ClientToken": "token"}
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    made = abroad.copy_image(**copy, Description="a copy", CopyImageTags=True, Encrypted=True, KmsKeyId=key)["ImageId"]
    abroad.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1})
    image = abroad.describe_images(ImageIds=[made])["Images"][0]
    snapshot = abroad.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]
    strict.expect("CopyImage", (image["SourceImageId"], image["SourceImageRegion"]), (IMAGE, "ap-southeast-2"))
    strict.expect("CopyImage", (snapshot["Encrypted"], snapshot["KmsKeyId"]), (True, f"arn:aws:kms:eu-central-1:000000000000:key/{key}"))
    refused("InvalidAMIName.Duplicate", abroad.copy_image, **{**copy, "ClientToken": "other"})
    refused("IdempotentParameterMismatch", abroad.copy_image, **copy)
    refused("InvalidAMIID.NotFound", ec2.copy_image, **{**copy, "SourceImageId": "ami-0123456789abcdef0"})
    abroad.modify_image_attribute(ImageId=made, LaunchPermission={"Add": [{"UserId": "111111111111"}, {"UserId": "222222222222"}]})
    abroad.modify_image_attribute(ImageId=made, Attribute="launchPermission", OperationType="remove", UserIds=["222222222222"])
    abroad.modify_image_attribute(ImageId=made, Description={"Value": "shared"})
    shared = abroad.describe_image_attribute(ImageId=made, Attribute="launchPermission")["LaunchPermissions"]
    strict.expect("DescribeImageAttribute", shared, [{"UserId": "111111111111"}])
    abroad.describe_image_attribute(ImageId=made, Attribute="description")
    refused("OperationNotPermitted", abroad.modify_image_attribute, ImageId=made, LaunchPermission={"Add": [{"Group": "all"}]})
    refused("InvalidAMIAttributeItemValue", abroad.modify_image_attribute, ImageId=made, LaunchPermission={"Add": [{"UserId": "me"}]})
    abroad.deregister_image(ImageId=made)
    abroad.delete_snapshot(SnapshotId=snapshot["SnapshotId"])


def instances():
    ec2.describe_instances(Filters=[{"Name": "tag:veris:version", "Values": ["1.2.0"]}])
    ec2.describe_instances(InstanceIds=[INSTANCE])
    ec2.describe_instance_status(InstanceIds=[INSTANCE], IncludeAllInstances=True)
    ec2.describe_instance_attribute(InstanceId=INSTANCE, Attribute="userData")
    ec2.describe_volumes()
    ec2.get_console_output(InstanceId=INSTANCE)
    ec2.create_tags(Resources=[INSTANCE], Tags=[{"Key": "veris:promoted-at", "Value": "2026-08-22T12:00:00Z"}])
    ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [INSTANCE]}])
    ec2.delete_tags(Resources=[INSTANCE], Tags=[{"Key": "veris:promoted-at"}])
    ec2.stop_instances(InstanceIds=[INSTANCE])
    ec2.describe_instance_types(InstanceTypes=["t3.small", "t3.medium"])
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["medium"])
    refused("DryRunOperation", ec2.modify_instance_attribute, InstanceId=INSTANCE, InstanceType={"Value": "t3.small"}, DryRun=True)
    ec2.modify_instance_attribute(InstanceId=INSTANCE, InstanceType={"Value": "t3.small"})
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
    launch = {"ImageId": IMAGE, "InstanceType": "t3.medium", "MinCount": 1, "MaxCount": 1}
    refused("DryRunOperation", ec2.run_instances, DryRun=True, ClientToken="token", **launch)
    volume = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": "alias/veris"}}]
    refused("DryRunOperation", ec2.run_instances, DryRun=True, BlockDeviceMappings=volume, **launch)
    refused("InvalidAMIID.NotFound", ec2.run_instances, **{**launch, "ImageId": "ami-0123456789abcdef0"})


def logins():
    """Whoever is let in runs; that is looked at where guests do."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyeNKYvY/0oXTu9VLJVX8ruRQnfvXJ1nEB7dRgKVbHC ada"
    send = {"InstanceId": INSTANCE, "InstanceOSUser": "ec2-user", "SSHPublicKey": key}
    refused("EC2InstanceStateInvalidException", connect.send_ssh_public_key, **send)
    refused("EC2InstanceNotFoundException", connect.send_ssh_public_key, **{**send, "InstanceId": "i-0123456789abcdef0"})
    refused("InvalidArgsException", connect.send_ssh_public_key, **{**send, "SSHPublicKey": key.replace("AAAAC3", "AAAAC4")})


def network():
    for describe in (ec2.describe_regions, ec2.describe_availability_zones, ec2.describe_vpcs, ec2.describe_subnets):
        describe()
    ec2.describe_key_pairs()
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32", "Description": "veris: user/ada"}]}
    six = {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/48", "Description": "veris: user/ada"}]}
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    added = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission, six], TagSpecifications=tags)
    rules = [rule["SecurityGroupRuleId"] for rule in added["SecurityGroupRules"]]
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission])
    refused("InvalidGroup.NotFound", ec2.authorize_security_group_ingress, GroupId="sg-0123456789abcdef0", IpPermissions=[permission])
    refused("InvalidPermission.Malformed", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[{**permission, "IpProtocol": "http"}])
    ec2.describe_security_groups(GroupIds=[group])
    ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rules[0], "Description": "other"}]
    )
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=rules)
    refused("InvalidSecurityGroupRuleId.NotFound", ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=rules)
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[permission])


def addresses():
    ec2.describe_addresses(AllocationIds=[ALLOCATION])
    made = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "veris:service", "Value": "other"}]}]
    )["AllocationId"]
    association = ec2.describe_addresses(AllocationIds=[ALLOCATION])["Addresses"][0]["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    # The instance is stopped; what an association answers is looked at where guests run.
    refused("IncorrectInstanceState", ec2.associate_address, AllocationId=made, InstanceId=INSTANCE)
    refused("InvalidAllocationID.NotFound", ec2.associate_address, AllocationId="eipalloc-0123456789abcdef0", InstanceId=INSTANCE)
    ec2.release_address(AllocationId=made)
    ec2.terminate_instances(InstanceIds=[INSTANCE])


def blocks():
    listed = ebs.list_snapshot_blocks(SnapshotId=SNAPSHOT, MaxResults=100, StartingBlockIndex=0)
    strict.expect("ListSnapshotBlocks", (listed["BlockSize"], listed["VolumeSize"], listed["ExpiryTime"].year >= 2026), (524288, 30, True))
    block = listed["Blocks"][0]
    got = ebs.get_snapshot_block(SnapshotId=SNAPSHOT, **block)
    data = got["BlockData"].read()
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    expected = (len(data), "SHA256", checksum)
    strict.expect("GetSnapshotBlock", (got["DataLength"], got["ChecksumAlgorithm"], got["Checksum"]), expected)
    refused("ResourceNotFoundException", ebs.list_snapshot_blocks, SnapshotId="snap-0123456789abcdef0")
    refused("ValidationException", ebs.get_snapshot_block, SnapshotId=SNAPSHOT, BlockIndex=block["BlockIndex"] + 1, BlockToken=block["BlockToken"])
    refused("ValidationException", ebs.list_snapshot_blocks, SnapshotId=SNAPSHOT, NextToken="AAAA")


def parameters():
    ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    ssm.put_parameter(Name="/veris/live", Value="1.2.0", Type="String")
    refused("ParameterAlreadyExists", ssm.put_parameter, Name="/veris/live", Value="1.3.0", Type="String")
    ssm.put_parameter(Name="/veris/live", Value="1.3.0", Type="String", Overwrite=True)
    ssm.get_parameters(Names=["/veris/live", "/veris/absent"])
    ssm.get_parameters_by_path(Path="/veris")
    ssm.describe_parameters()
    ssm.delete_parameter(Name="/veris/live")
    ssm.delete_parameters(Names=["/veris/live"])
    refused("ParameterNotFound", ssm.get_parameter, Name="/veris/live")


def kept_secrets():
    name = "veris/prod"
    made = secrets.create_secret(Name=name, SecretString="first", Description="a key", Tags=[{"Key": "a", "Value": "b"}])
    refused("ResourceExistsException", secrets.create_secret, Name=name, SecretString="other")
    secrets.put_secret_value(SecretId=name, SecretBinary=b"\x00second")
    strict.expect("GetSecretValue", secrets.get_secret_value(SecretId=made["ARN"])["SecretBinary"], b"\x00second")
    earlier = secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    strict.expect("GetSecretValue", (earlier["SecretString"], earlier["VersionId"]), ("first", made["VersionId"]))
    secrets.describe_secret(SecretId=name)
    secrets.list_secrets(Filters=[{"Key": "name", "Values": ["veris/"]}])
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    refused("InvalidRequestException", secrets.get_secret_value, SecretId=name)
    secrets.describe_secret(SecretId=name)
    secrets.list_secrets(IncludePlannedDeletion=True)
    secrets.restore_secret(SecretId=name)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", secrets.describe_secret, SecretId=name)
    refused("InvalidParameterException", secrets.delete_secret, SecretId=name, RecoveryWindowInDays=3)


def objects():
    bucket = "veris-local"
    refused("NoSuchBucket", s3.put_object, Bucket=bucket, Key="a/b", Body=b"text")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    refused("404", s3.head_object, Bucket=bucket, Key="absent")
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"text")
    s3.head_object(Bucket=bucket, Key="a/b")
    s3.get_object(Bucket=bucket, Key="a/b")["Body"].read()
    s3.list_objects_v2(Bucket=bucket, Prefix="a/")
    s3.delete_object(Bucket=bucket, Key="a/b")
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="a/b")


def image_builder():
    component = builder.create_component(
        name="install", semanticVersion="1.2.0", platform="Linux", data=DOCUMENT, tags=TAGS, clientToken="component"
    )["componentBuildVersionArn"]
    builder.get_component(componentBuildVersionArn=component)
    builder.list_components(owner="Self")
    builder.list_component_build_versions(componentVersionArn=component.rsplit("/", 1)[0])
    recipe = builder.create_image_recipe(
        name="veris-chat",
        semanticVersion="1.2.0",
        parentImage="ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        components=[{"componentArn": component, "parameters": [{"name": "Version", "value": ["1.2.0"]}]}],
        blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 30, "volumeType": "gp3", "encrypted": True, "kmsKeyId": "alias/veris"}}],
        workingDirectory="/var/tmp",
        tags=TAGS,
        clientToken="recipe",
    )["imageRecipeArn"]
    builder.get_image_recipe(imageRecipeArn=recipe)
    builder.list_image_recipes(owner="Self")
    infrastructure = builder.create_infrastructure_configuration(
        name="veris-chat-prod", instanceProfileName="local-instance-profile", instanceTypes=["t3.medium"], tags=TAGS, clientToken="infra"
    )["infrastructureConfigurationArn"]
    builder.update_infrastructure_configuration(
        infrastructureConfigurationArn=infrastructure, instanceProfileName="local-instance-profile", clientToken="update"
    )
    builder.get_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    builder.list_infrastructure_configurations()
    distribution = builder.create_distribution_configuration(
        name="veris-chat-1-2-0",
        distributions=[{"region": "ap-southeast-2", "amiDistributionConfiguration": {"name": "veris-chat-{{ imagebuilder:buildDate }}", "amiTags": TAGS}}],
        tags=TAGS,
        clientToken="distribution",
    )["distributionConfigurationArn"]
    builder.get_distribution_configuration(distributionConfigurationArn=distribution)
    builder.list_distribution_configurations()
    build(component, recipe, infrastructure, distribution)
    refused("ResourceNotFoundException", builder.get_image, imageBuildVersionArn=recipe.replace("image-recipe", "image") + "/9")
    builder.delete_distribution_configuration(distributionConfigurationArn=distribution)
    builder.delete_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    builder.delete_image_recipe(imageRecipeArn=recipe)
    builder.delete_component(componentBuildVersionArn=component)


def build(component, recipe, infrastructure, distribution):
    """A build that must fail, because there is no component runner here."""
    image = builder.create_image(
        imageRecipeArn=recipe,
        infrastructureConfigurationArn=infrastructure,
        distributionConfigurationArn=distribution,
        imageTestsConfiguration={"imageTestsEnabled": True},
        enhancedImageMetadataEnabled=False,
        tags=TAGS,
        clientToken="image",
    )["imageBuildVersionArn"]
    while builder.get_image(imageBuildVersionArn=image)["image"]["state"]["status"] not in ("FAILED", "AVAILABLE"):
        time.sleep(0.05)
    builder.list_images(owner="Self")
    builder.list_image_build_versions(imageVersionArn=image.rsplit("/", 1)[0])
    for workflow in builder.list_workflow_executions(imageBuildVersionArn=image)["workflowExecutions"]:
        identifier = workflow["workflowExecutionId"]
        builder.get_workflow_execution(workflowExecutionId=identifier)
        for step in builder.list_workflow_step_executions(workflowExecutionId=identifier)["steps"]:
            builder.get_workflow_step_execution(stepExecutionId=step["stepExecutionId"])
    refused("ResourceAlreadyExistsException", builder.create_component,
            name="install", semanticVersion="1.2.0", platform="Linux", data=DOCUMENT, clientToken="again")
    refused("ResourceDependencyException", builder.delete_component, componentBuildVersionArn=component)
    refused("InvalidRequestException", builder.cancel_image_creation, imageBuildVersionArn=image, clientToken="cancel")
    builder.list_tags_for_resource(resourceArn=component)
    builder.tag_resource(resourceArn=component, tags={"a": "b"})
    builder.untag_resource(resourceArn=component, tagKeys=["a"])
    builder.delete_image(imageBuildVersionArn=image)


for part in (identity, images, blocks, copies, instances, logins, network, addresses, parameters, kept_secrets, objects, image_builder):
    part()
# Only refusals are counted, as how often a build is asked for its state depends on the machine.
refusals = sum(status >= 300 for statuses in strict.answers.values() for status in statuses)
print(f"{len(strict.answers)} operations, {refusals} refusals")
print("\n".join(sorted(set(strict.problems))))
