// Written by packaging/console_types.py from the service models. Do not edit.
//
// Shapes are named after their service. Timestamps are seconds since the epoch, blobs are Base64.

export interface CloudtrailEvent {
  EventId?: string;
  EventName?: string;
  ReadOnly?: string;
  AccessKeyId?: string;
  EventTime?: number;
  EventSource?: string;
  Username?: string;
  Resources?: CloudtrailResource[];
  CloudTrailEvent?: string;
}

export interface CloudtrailLookupAttribute {
  AttributeKey: 'EventId' | 'EventName' | 'ReadOnly' | 'Username' | 'ResourceType' | 'ResourceName' | 'EventSource' | 'AccessKeyId';
  AttributeValue: string;
}

export interface CloudtrailLookupEventsRequest {
  LookupAttributes?: CloudtrailLookupAttribute[];
  StartTime?: number;
  EndTime?: number;
  EventCategory?: 'insight';
  MaxResults?: number;
  NextToken?: string;
}

export interface CloudtrailLookupEventsResponse {
  Events?: CloudtrailEvent[];
  NextToken?: string;
}

export interface CloudtrailResource {
  ResourceType?: string;
  ResourceName?: string;
}

export interface Ec2CapacityReservationSpecificationResponse {
  CapacityReservationPreference?: 'capacity-reservations-only' | 'open' | 'none';
  CapacityReservationTarget?: Ec2CapacityReservationTargetResponse;
}

export interface Ec2CapacityReservationTargetResponse {
  CapacityReservationId?: string;
  CapacityReservationResourceGroupArn?: string;
}

export interface Ec2ConnectionTrackingSpecificationResponse {
  TcpEstablishedTimeout?: number;
  UdpStreamTimeout?: number;
  UdpTimeout?: number;
}

export interface Ec2CpuOptions {
  CoreCount?: number;
  ThreadsPerCore?: number;
  AmdSevSnp?: 'enabled' | 'disabled';
  NestedVirtualization?: 'enabled' | 'disabled';
}

export interface Ec2DescribeInstancesRequest {
  InstanceIds?: string[];
  IncludeManagedResources?: boolean;
  DryRun?: boolean;
  Filters?: Ec2Filter[];
  NextToken?: string;
  MaxResults?: number;
}

export interface Ec2DescribeInstancesResult {
  NextToken?: string;
  Reservations?: Ec2Reservation[];
}

export interface Ec2EbsInstanceBlockDevice {
  AttachTime?: number;
  DeleteOnTermination?: boolean;
  Status?: 'attaching' | 'attached' | 'detaching' | 'detached';
  VolumeId?: string;
  AssociatedResource?: string;
  VolumeOwnerId?: string;
  Operator?: Ec2OperatorResponse;
  EbsCardIndex?: number;
}

export interface Ec2ElasticGpuAssociation {
  ElasticGpuId?: string;
  ElasticGpuAssociationId?: string;
  ElasticGpuAssociationState?: string;
  ElasticGpuAssociationTime?: string;
}

export interface Ec2ElasticInferenceAcceleratorAssociation {
  ElasticInferenceAcceleratorArn?: string;
  ElasticInferenceAcceleratorAssociationId?: string;
  ElasticInferenceAcceleratorAssociationState?: string;
  ElasticInferenceAcceleratorAssociationTime?: number;
}

export interface Ec2EnclaveOptions {
  Enabled?: boolean;
}

export interface Ec2Filter {
  Name?: string;
  Values?: string[];
}

export interface Ec2GroupIdentifier {
  GroupId?: string;
  GroupName?: string;
}

export interface Ec2HibernationOptions {
  Configured?: boolean;
}

export interface Ec2IamInstanceProfile {
  Arn?: string;
  Id?: string;
}

export interface Ec2Instance {
  Architecture?: 'i386' | 'x86_64' | 'arm64' | 'x86_64_mac' | 'arm64_mac';
  BlockDeviceMappings?: Ec2InstanceBlockDeviceMapping[];
  ClientToken?: string;
  EbsOptimized?: boolean;
  EnaSupport?: boolean;
  Hypervisor?: 'ovm' | 'xen';
  IamInstanceProfile?: Ec2IamInstanceProfile;
  InstanceLifecycle?: 'spot' | 'scheduled' | 'capacity-block' | 'interruptible-capacity-reservation';
  ElasticGpuAssociations?: Ec2ElasticGpuAssociation[];
  ElasticInferenceAcceleratorAssociations?: Ec2ElasticInferenceAcceleratorAssociation[];
  NetworkInterfaces?: Ec2InstanceNetworkInterface[];
  OutpostArn?: string;
  RootDeviceName?: string;
  RootDeviceType?: 'ebs' | 'instance-store';
  SecurityGroups?: Ec2GroupIdentifier[];
  SourceDestCheck?: boolean;
  SpotInstanceRequestId?: string;
  SriovNetSupport?: string;
  StateReason?: Ec2StateReason;
  Tags?: Ec2Tag[];
  VirtualizationType?: 'hvm' | 'paravirtual';
  CpuOptions?: Ec2CpuOptions;
  CapacityBlockId?: string;
  CapacityReservationId?: string;
  CapacityReservationSpecification?: Ec2CapacityReservationSpecificationResponse;
  HibernationOptions?: Ec2HibernationOptions;
  Licenses?: Ec2LicenseConfiguration[];
  MetadataOptions?: Ec2InstanceMetadataOptionsResponse;
  EnclaveOptions?: Ec2EnclaveOptions;
  BootMode?: 'legacy-bios' | 'uefi' | 'uefi-preferred';
  PlatformDetails?: string;
  UsageOperation?: string;
  UsageOperationUpdateTime?: number;
  PrivateDnsNameOptions?: Ec2PrivateDnsNameOptionsResponse;
  Ipv6Address?: string;
  TpmSupport?: string;
  MaintenanceOptions?: Ec2InstanceMaintenanceOptions;
  CurrentInstanceBootMode?: 'legacy-bios' | 'uefi';
  NetworkPerformanceOptions?: Ec2InstanceNetworkPerformanceOptions;
  Operator?: Ec2OperatorResponse;
  SecondaryInterfaces?: Ec2InstanceSecondaryInterface[];
  InstanceId?: string;
  ImageId?: string;
  State?: Ec2InstanceState;
  PrivateDnsName?: string;
  PublicDnsName?: string;
  StateTransitionReason?: string;
  KeyName?: string;
  AmiLaunchIndex?: number;
  ProductCodes?: Ec2ProductCode[];
  InstanceType?: 'a1.medium' | 'a1.large' | 'a1.xlarge' | 'a1.2xlarge' | 'a1.4xlarge' | 'a1.metal' | 'c1.medium' | 'c1.xlarge' | 'c3.large' | 'c3.xlarge' | 'c3.2xlarge' | 'c3.4xlarge' | 'c3.8xlarge' | 'c4.large' | 'c4.xlarge' | 'c4.2xlarge' | 'c4.4xlarge' | 'c4.8xlarge' | 'c5.large' | 'c5.xlarge' | 'c5.2xlarge' | 'c5.4xlarge' | 'c5.9xlarge' | 'c5.12xlarge' | 'c5.18xlarge' | 'c5.24xlarge' | 'c5.metal' | 'c5a.large' | 'c5a.xlarge' | 'c5a.2xlarge' | 'c5a.4xlarge' | 'c5a.8xlarge' | 'c5a.12xlarge' | 'c5a.16xlarge' | 'c5a.24xlarge' | 'c5ad.large' | 'c5ad.xlarge' | 'c5ad.2xlarge' | 'c5ad.4xlarge' | 'c5ad.8xlarge' | 'c5ad.12xlarge' | 'c5ad.16xlarge' | 'c5ad.24xlarge' | 'c5d.large' | 'c5d.xlarge' | 'c5d.2xlarge' | 'c5d.4xlarge' | 'c5d.9xlarge' | 'c5d.12xlarge' | 'c5d.18xlarge' | 'c5d.24xlarge' | 'c5d.metal' | 'c5n.large' | 'c5n.xlarge' | 'c5n.2xlarge' | 'c5n.4xlarge' | 'c5n.9xlarge' | 'c5n.18xlarge' | 'c5n.metal' | 'c6g.medium' | 'c6g.large' | 'c6g.xlarge' | 'c6g.2xlarge' | 'c6g.4xlarge' | 'c6g.8xlarge' | 'c6g.12xlarge' | 'c6g.16xlarge' | 'c6g.metal' | 'c6gd.medium' | 'c6gd.large' | 'c6gd.xlarge' | 'c6gd.2xlarge' | 'c6gd.4xlarge' | 'c6gd.8xlarge' | 'c6gd.12xlarge' | 'c6gd.16xlarge' | 'c6gd.metal' | 'c6gn.medium' | 'c6gn.large' | 'c6gn.xlarge' | 'c6gn.2xlarge' | 'c6gn.4xlarge' | 'c6gn.8xlarge' | 'c6gn.12xlarge' | 'c6gn.16xlarge' | 'c6i.large' | 'c6i.xlarge' | 'c6i.2xlarge' | 'c6i.4xlarge' | 'c6i.8xlarge' | 'c6i.12xlarge' | 'c6i.16xlarge' | 'c6i.24xlarge' | 'c6i.32xlarge' | 'c6i.metal' | 'cc1.4xlarge' | 'cc2.8xlarge' | 'cg1.4xlarge' | 'cr1.8xlarge' | 'd2.xlarge' | 'd2.2xlarge' | 'd2.4xlarge' | 'd2.8xlarge' | 'd3.xlarge' | 'd3.2xlarge' | 'd3.4xlarge' | 'd3.8xlarge' | 'd3en.xlarge' | 'd3en.2xlarge' | 'd3en.4xlarge' | 'd3en.6xlarge' | 'd3en.8xlarge' | 'd3en.12xlarge' | 'dl1.24xlarge' | 'f1.2xlarge' | 'f1.4xlarge' | 'f1.16xlarge' | 'g2.2xlarge' | 'g2.8xlarge' | 'g3.4xlarge' | 'g3.8xlarge' | 'g3.16xlarge' | 'g3s.xlarge' | 'g4ad.xlarge' | 'g4ad.2xlarge' | 'g4ad.4xlarge' | 'g4ad.8xlarge' | 'g4ad.16xlarge' | 'g4dn.xlarge' | 'g4dn.2xlarge' | 'g4dn.4xlarge' | 'g4dn.8xlarge' | 'g4dn.12xlarge' | 'g4dn.16xlarge' | 'g4dn.metal' | 'g5.xlarge' | 'g5.2xlarge' | 'g5.4xlarge' | 'g5.8xlarge' | 'g5.12xlarge' | 'g5.16xlarge' | 'g5.24xlarge' | 'g5.48xlarge' | 'g5g.xlarge' | 'g5g.2xlarge' | 'g5g.4xlarge' | 'g5g.8xlarge' | 'g5g.16xlarge' | 'g5g.metal' | 'hi1.4xlarge' | 'hpc6a.48xlarge' | 'hs1.8xlarge' | 'h1.2xlarge' | 'h1.4xlarge' | 'h1.8xlarge' | 'h1.16xlarge' | 'i2.xlarge' | 'i2.2xlarge' | 'i2.4xlarge' | 'i2.8xlarge' | 'i3.large' | 'i3.xlarge' | 'i3.2xlarge' | 'i3.4xlarge' | 'i3.8xlarge' | 'i3.16xlarge' | 'i3.metal' | 'i3en.large' | 'i3en.xlarge' | 'i3en.2xlarge' | 'i3en.3xlarge' | 'i3en.6xlarge' | 'i3en.12xlarge' | 'i3en.24xlarge' | 'i3en.metal' | 'im4gn.large' | 'im4gn.xlarge' | 'im4gn.2xlarge' | 'im4gn.4xlarge' | 'im4gn.8xlarge' | 'im4gn.16xlarge' | 'inf1.xlarge' | 'inf1.2xlarge' | 'inf1.6xlarge' | 'inf1.24xlarge' | 'is4gen.medium' | 'is4gen.large' | 'is4gen.xlarge' | 'is4gen.2xlarge' | 'is4gen.4xlarge' | 'is4gen.8xlarge' | 'm1.small' | 'm1.medium' | 'm1.large' | 'm1.xlarge' | 'm2.xlarge' | 'm2.2xlarge' | 'm2.4xlarge' | 'm3.medium' | 'm3.large' | 'm3.xlarge' | 'm3.2xlarge' | 'm4.large' | 'm4.xlarge' | 'm4.2xlarge' | 'm4.4xlarge' | 'm4.10xlarge' | 'm4.16xlarge' | 'm5.large' | 'm5.xlarge' | 'm5.2xlarge' | 'm5.4xlarge' | 'm5.8xlarge' | 'm5.12xlarge' | 'm5.16xlarge' | 'm5.24xlarge' | 'm5.metal' | 'm5a.large' | 'm5a.xlarge' | 'm5a.2xlarge' | 'm5a.4xlarge' | 'm5a.8xlarge' | 'm5a.12xlarge' | 'm5a.16xlarge' | 'm5a.24xlarge' | 'm5ad.large' | 'm5ad.xlarge' | 'm5ad.2xlarge' | 'm5ad.4xlarge' | 'm5ad.8xlarge' | 'm5ad.12xlarge' | 'm5ad.16xlarge' | 'm5ad.24xlarge' | 'm5d.large' | 'm5d.xlarge' | 'm5d.2xlarge' | 'm5d.4xlarge' | 'm5d.8xlarge' | 'm5d.12xlarge' | 'm5d.16xlarge' | 'm5d.24xlarge' | 'm5d.metal' | 'm5dn.large' | 'm5dn.xlarge' | 'm5dn.2xlarge' | 'm5dn.4xlarge' | 'm5dn.8xlarge' | 'm5dn.12xlarge' | 'm5dn.16xlarge' | 'm5dn.24xlarge' | 'm5dn.metal' | 'm5n.large' | 'm5n.xlarge' | 'm5n.2xlarge' | 'm5n.4xlarge' | 'm5n.8xlarge' | 'm5n.12xlarge' | 'm5n.16xlarge' | 'm5n.24xlarge' | 'm5n.metal' | 'm5zn.large' | 'm5zn.xlarge' | 'm5zn.2xlarge' | 'm5zn.3xlarge' | 'm5zn.6xlarge' | 'm5zn.12xlarge' | 'm5zn.metal' | 'm6a.large' | 'm6a.xlarge' | 'm6a.2xlarge' | 'm6a.4xlarge' | 'm6a.8xlarge' | 'm6a.12xlarge' | 'm6a.16xlarge' | 'm6a.24xlarge' | 'm6a.32xlarge' | 'm6a.48xlarge' | 'm6g.metal' | 'm6g.medium' | 'm6g.large' | 'm6g.xlarge' | 'm6g.2xlarge' | 'm6g.4xlarge' | 'm6g.8xlarge' | 'm6g.12xlarge' | 'm6g.16xlarge' | 'm6gd.metal' | 'm6gd.medium' | 'm6gd.large' | 'm6gd.xlarge' | 'm6gd.2xlarge' | 'm6gd.4xlarge' | 'm6gd.8xlarge' | 'm6gd.12xlarge' | 'm6gd.16xlarge' | 'm6i.large' | 'm6i.xlarge' | 'm6i.2xlarge' | 'm6i.4xlarge' | 'm6i.8xlarge' | 'm6i.12xlarge' | 'm6i.16xlarge' | 'm6i.24xlarge' | 'm6i.32xlarge' | 'm6i.metal' | 'mac1.metal' | 'p2.xlarge' | 'p2.8xlarge' | 'p2.16xlarge' | 'p3.2xlarge' | 'p3.8xlarge' | 'p3.16xlarge' | 'p3dn.24xlarge' | 'p4d.24xlarge' | 'r3.large' | 'r3.xlarge' | 'r3.2xlarge' | 'r3.4xlarge' | 'r3.8xlarge' | 'r4.large' | 'r4.xlarge' | 'r4.2xlarge' | 'r4.4xlarge' | 'r4.8xlarge' | 'r4.16xlarge' | 'r5.large' | 'r5.xlarge' | 'r5.2xlarge' | 'r5.4xlarge' | 'r5.8xlarge' | 'r5.12xlarge' | 'r5.16xlarge' | 'r5.24xlarge' | 'r5.metal' | 'r5a.large' | 'r5a.xlarge' | 'r5a.2xlarge' | 'r5a.4xlarge' | 'r5a.8xlarge' | 'r5a.12xlarge' | 'r5a.16xlarge' | 'r5a.24xlarge' | 'r5ad.large' | 'r5ad.xlarge' | 'r5ad.2xlarge' | 'r5ad.4xlarge' | 'r5ad.8xlarge' | 'r5ad.12xlarge' | 'r5ad.16xlarge' | 'r5ad.24xlarge' | 'r5b.large' | 'r5b.xlarge' | 'r5b.2xlarge' | 'r5b.4xlarge' | 'r5b.8xlarge' | 'r5b.12xlarge' | 'r5b.16xlarge' | 'r5b.24xlarge' | 'r5b.metal' | 'r5d.large' | 'r5d.xlarge' | 'r5d.2xlarge' | 'r5d.4xlarge' | 'r5d.8xlarge' | 'r5d.12xlarge' | 'r5d.16xlarge' | 'r5d.24xlarge' | 'r5d.metal' | 'r5dn.large' | 'r5dn.xlarge' | 'r5dn.2xlarge' | 'r5dn.4xlarge' | 'r5dn.8xlarge' | 'r5dn.12xlarge' | 'r5dn.16xlarge' | 'r5dn.24xlarge' | 'r5dn.metal' | 'r5n.large' | 'r5n.xlarge' | 'r5n.2xlarge' | 'r5n.4xlarge' | 'r5n.8xlarge' | 'r5n.12xlarge' | 'r5n.16xlarge' | 'r5n.24xlarge' | 'r5n.metal' | 'r6g.medium' | 'r6g.large' | 'r6g.xlarge' | 'r6g.2xlarge' | 'r6g.4xlarge' | 'r6g.8xlarge' | 'r6g.12xlarge' | 'r6g.16xlarge' | 'r6g.metal' | 'r6gd.medium' | 'r6gd.large' | 'r6gd.xlarge' | 'r6gd.2xlarge' | 'r6gd.4xlarge' | 'r6gd.8xlarge' | 'r6gd.12xlarge' | 'r6gd.16xlarge' | 'r6gd.metal' | 'r6i.large' | 'r6i.xlarge' | 'r6i.2xlarge' | 'r6i.4xlarge' | 'r6i.8xlarge' | 'r6i.12xlarge' | 'r6i.16xlarge' | 'r6i.24xlarge' | 'r6i.32xlarge' | 'r6i.metal' | 't1.micro' | 't2.nano' | 't2.micro' | 't2.small' | 't2.medium' | 't2.large' | 't2.xlarge' | 't2.2xlarge' | 't3.nano' | 't3.micro' | 't3.small' | 't3.medium' | 't3.large' | 't3.xlarge' | 't3.2xlarge' | 't3a.nano' | 't3a.micro' | 't3a.small' | 't3a.medium' | 't3a.large' | 't3a.xlarge' | 't3a.2xlarge' | 't4g.nano' | 't4g.micro' | 't4g.small' | 't4g.medium' | 't4g.large' | 't4g.xlarge' | 't4g.2xlarge' | 'u-6tb1.56xlarge' | 'u-6tb1.112xlarge' | 'u-9tb1.112xlarge' | 'u-12tb1.112xlarge' | 'u-6tb1.metal' | 'u-9tb1.metal' | 'u-12tb1.metal' | 'u-18tb1.metal' | 'u-24tb1.metal' | 'vt1.3xlarge' | 'vt1.6xlarge' | 'vt1.24xlarge' | 'x1.16xlarge' | 'x1.32xlarge' | 'x1e.xlarge' | 'x1e.2xlarge' | 'x1e.4xlarge' | 'x1e.8xlarge' | 'x1e.16xlarge' | 'x1e.32xlarge' | 'x2iezn.2xlarge' | 'x2iezn.4xlarge' | 'x2iezn.6xlarge' | 'x2iezn.8xlarge' | 'x2iezn.12xlarge' | 'x2iezn.metal' | 'x2gd.medium' | 'x2gd.large' | 'x2gd.xlarge' | 'x2gd.2xlarge' | 'x2gd.4xlarge' | 'x2gd.8xlarge' | 'x2gd.12xlarge' | 'x2gd.16xlarge' | 'x2gd.metal' | 'z1d.large' | 'z1d.xlarge' | 'z1d.2xlarge' | 'z1d.3xlarge' | 'z1d.6xlarge' | 'z1d.12xlarge' | 'z1d.metal' | 'x2idn.16xlarge' | 'x2idn.24xlarge' | 'x2idn.32xlarge' | 'x2iedn.xlarge' | 'x2iedn.2xlarge' | 'x2iedn.4xlarge' | 'x2iedn.8xlarge' | 'x2iedn.16xlarge' | 'x2iedn.24xlarge' | 'x2iedn.32xlarge' | 'c6a.large' | 'c6a.xlarge' | 'c6a.2xlarge' | 'c6a.4xlarge' | 'c6a.8xlarge' | 'c6a.12xlarge' | 'c6a.16xlarge' | 'c6a.24xlarge' | 'c6a.32xlarge' | 'c6a.48xlarge' | 'c6a.metal' | 'm6a.metal' | 'i4i.large' | 'i4i.xlarge' | 'i4i.2xlarge' | 'i4i.4xlarge' | 'i4i.8xlarge' | 'i4i.16xlarge' | 'i4i.32xlarge' | 'i4i.metal' | 'x2idn.metal' | 'x2iedn.metal' | 'c7g.medium' | 'c7g.large' | 'c7g.xlarge' | 'c7g.2xlarge' | 'c7g.4xlarge' | 'c7g.8xlarge' | 'c7g.12xlarge' | 'c7g.16xlarge' | 'mac2.metal' | 'c6id.large' | 'c6id.xlarge' | 'c6id.2xlarge' | 'c6id.4xlarge' | 'c6id.8xlarge' | 'c6id.12xlarge' | 'c6id.16xlarge' | 'c6id.24xlarge' | 'c6id.32xlarge' | 'c6id.metal' | 'm6id.large' | 'm6id.xlarge' | 'm6id.2xlarge' | 'm6id.4xlarge' | 'm6id.8xlarge' | 'm6id.12xlarge' | 'm6id.16xlarge' | 'm6id.24xlarge' | 'm6id.32xlarge' | 'm6id.metal' | 'r6id.large' | 'r6id.xlarge' | 'r6id.2xlarge' | 'r6id.4xlarge' | 'r6id.8xlarge' | 'r6id.12xlarge' | 'r6id.16xlarge' | 'r6id.24xlarge' | 'r6id.32xlarge' | 'r6id.metal' | 'r6a.large' | 'r6a.xlarge' | 'r6a.2xlarge' | 'r6a.4xlarge' | 'r6a.8xlarge' | 'r6a.12xlarge' | 'r6a.16xlarge' | 'r6a.24xlarge' | 'r6a.32xlarge' | 'r6a.48xlarge' | 'r6a.metal' | 'p4de.24xlarge' | 'u-3tb1.56xlarge' | 'u-18tb1.112xlarge' | 'u-24tb1.112xlarge' | 'trn1.2xlarge' | 'trn1.32xlarge' | 'hpc6id.32xlarge' | 'c6in.large' | 'c6in.xlarge' | 'c6in.2xlarge' | 'c6in.4xlarge' | 'c6in.8xlarge' | 'c6in.12xlarge' | 'c6in.16xlarge' | 'c6in.24xlarge' | 'c6in.32xlarge' | 'm6in.large' | 'm6in.xlarge' | 'm6in.2xlarge' | 'm6in.4xlarge' | 'm6in.8xlarge' | 'm6in.12xlarge' | 'm6in.16xlarge' | 'm6in.24xlarge' | 'm6in.32xlarge' | 'm6idn.large' | 'm6idn.xlarge' | 'm6idn.2xlarge' | 'm6idn.4xlarge' | 'm6idn.8xlarge' | 'm6idn.12xlarge' | 'm6idn.16xlarge' | 'm6idn.24xlarge' | 'm6idn.32xlarge' | 'r6in.large' | 'r6in.xlarge' | 'r6in.2xlarge' | 'r6in.4xlarge' | 'r6in.8xlarge' | 'r6in.12xlarge' | 'r6in.16xlarge' | 'r6in.24xlarge' | 'r6in.32xlarge' | 'r6idn.large' | 'r6idn.xlarge' | 'r6idn.2xlarge' | 'r6idn.4xlarge' | 'r6idn.8xlarge' | 'r6idn.12xlarge' | 'r6idn.16xlarge' | 'r6idn.24xlarge' | 'r6idn.32xlarge' | 'c7g.metal' | 'm7g.medium' | 'm7g.large' | 'm7g.xlarge' | 'm7g.2xlarge' | 'm7g.4xlarge' | 'm7g.8xlarge' | 'm7g.12xlarge' | 'm7g.16xlarge' | 'm7g.metal' | 'r7g.medium' | 'r7g.large' | 'r7g.xlarge' | 'r7g.2xlarge' | 'r7g.4xlarge' | 'r7g.8xlarge' | 'r7g.12xlarge' | 'r7g.16xlarge' | 'r7g.metal' | 'c6in.metal' | 'm6in.metal' | 'm6idn.metal' | 'r6in.metal' | 'r6idn.metal' | 'inf2.xlarge' | 'inf2.8xlarge' | 'inf2.24xlarge' | 'inf2.48xlarge' | 'trn1n.32xlarge' | 'i4g.large' | 'i4g.xlarge' | 'i4g.2xlarge' | 'i4g.4xlarge' | 'i4g.8xlarge' | 'i4g.16xlarge' | 'hpc7g.4xlarge' | 'hpc7g.8xlarge' | 'hpc7g.16xlarge' | 'c7gn.medium' | 'c7gn.large' | 'c7gn.xlarge' | 'c7gn.2xlarge' | 'c7gn.4xlarge' | 'c7gn.8xlarge' | 'c7gn.12xlarge' | 'c7gn.16xlarge' | 'p5.48xlarge' | 'm7i.large' | 'm7i.xlarge' | 'm7i.2xlarge' | 'm7i.4xlarge' | 'm7i.8xlarge' | 'm7i.12xlarge' | 'm7i.16xlarge' | 'm7i.24xlarge' | 'm7i.48xlarge' | 'm7i-flex.large' | 'm7i-flex.xlarge' | 'm7i-flex.2xlarge' | 'm7i-flex.4xlarge' | 'm7i-flex.8xlarge' | 'm7a.medium' | 'm7a.large' | 'm7a.xlarge' | 'm7a.2xlarge' | 'm7a.4xlarge' | 'm7a.8xlarge' | 'm7a.12xlarge' | 'm7a.16xlarge' | 'm7a.24xlarge' | 'm7a.32xlarge' | 'm7a.48xlarge' | 'm7a.metal-48xl' | 'hpc7a.12xlarge' | 'hpc7a.24xlarge' | 'hpc7a.48xlarge' | 'hpc7a.96xlarge' | 'c7gd.medium' | 'c7gd.large' | 'c7gd.xlarge' | 'c7gd.2xlarge' | 'c7gd.4xlarge' | 'c7gd.8xlarge' | 'c7gd.12xlarge' | 'c7gd.16xlarge' | 'm7gd.medium' | 'm7gd.large' | 'm7gd.xlarge' | 'm7gd.2xlarge' | 'm7gd.4xlarge' | 'm7gd.8xlarge' | 'm7gd.12xlarge' | 'm7gd.16xlarge' | 'r7gd.medium' | 'r7gd.large' | 'r7gd.xlarge' | 'r7gd.2xlarge' | 'r7gd.4xlarge' | 'r7gd.8xlarge' | 'r7gd.12xlarge' | 'r7gd.16xlarge' | 'r7a.medium' | 'r7a.large' | 'r7a.xlarge' | 'r7a.2xlarge' | 'r7a.4xlarge' | 'r7a.8xlarge' | 'r7a.12xlarge' | 'r7a.16xlarge' | 'r7a.24xlarge' | 'r7a.32xlarge' | 'r7a.48xlarge' | 'c7i.large' | 'c7i.xlarge' | 'c7i.2xlarge' | 'c7i.4xlarge' | 'c7i.8xlarge' | 'c7i.12xlarge' | 'c7i.16xlarge' | 'c7i.24xlarge' | 'c7i.48xlarge' | 'mac2-m2pro.metal' | 'r7iz.large' | 'r7iz.xlarge' | 'r7iz.2xlarge' | 'r7iz.4xlarge' | 'r7iz.8xlarge' | 'r7iz.12xlarge' | 'r7iz.16xlarge' | 'r7iz.32xlarge' | 'c7a.medium' | 'c7a.large' | 'c7a.xlarge' | 'c7a.2xlarge' | 'c7a.4xlarge' | 'c7a.8xlarge' | 'c7a.12xlarge' | 'c7a.16xlarge' | 'c7a.24xlarge' | 'c7a.32xlarge' | 'c7a.48xlarge' | 'c7a.metal-48xl' | 'r7a.metal-48xl' | 'r7i.large' | 'r7i.xlarge' | 'r7i.2xlarge' | 'r7i.4xlarge' | 'r7i.8xlarge' | 'r7i.12xlarge' | 'r7i.16xlarge' | 'r7i.24xlarge' | 'r7i.48xlarge' | 'dl2q.24xlarge' | 'mac2-m2.metal' | 'i4i.12xlarge' | 'i4i.24xlarge' | 'c7i.metal-24xl' | 'c7i.metal-48xl' | 'm7i.metal-24xl' | 'm7i.metal-48xl' | 'r7i.metal-24xl' | 'r7i.metal-48xl' | 'r7iz.metal-16xl' | 'r7iz.metal-32xl' | 'c7gd.metal' | 'm7gd.metal' | 'r7gd.metal' | 'g6.xlarge' | 'g6.2xlarge' | 'g6.4xlarge' | 'g6.8xlarge' | 'g6.12xlarge' | 'g6.16xlarge' | 'g6.24xlarge' | 'g6.48xlarge' | 'gr6.4xlarge' | 'gr6.8xlarge' | 'c7i-flex.large' | 'c7i-flex.xlarge' | 'c7i-flex.2xlarge' | 'c7i-flex.4xlarge' | 'c7i-flex.8xlarge' | 'u7i-12tb.224xlarge' | 'u7in-16tb.224xlarge' | 'u7in-24tb.224xlarge' | 'u7in-32tb.224xlarge' | 'u7ib-12tb.224xlarge' | 'c7gn.metal' | 'r8g.medium' | 'r8g.large' | 'r8g.xlarge' | 'r8g.2xlarge' | 'r8g.4xlarge' | 'r8g.8xlarge' | 'r8g.12xlarge' | 'r8g.16xlarge' | 'r8g.24xlarge' | 'r8g.48xlarge' | 'r8g.metal-24xl' | 'r8g.metal-48xl' | 'mac2-m1ultra.metal' | 'g6e.xlarge' | 'g6e.2xlarge' | 'g6e.4xlarge' | 'g6e.8xlarge' | 'g6e.12xlarge' | 'g6e.16xlarge' | 'g6e.24xlarge' | 'g6e.48xlarge' | 'c8g.medium' | 'c8g.large' | 'c8g.xlarge' | 'c8g.2xlarge' | 'c8g.4xlarge' | 'c8g.8xlarge' | 'c8g.12xlarge' | 'c8g.16xlarge' | 'c8g.24xlarge' | 'c8g.48xlarge' | 'c8g.metal-24xl' | 'c8g.metal-48xl' | 'm8g.medium' | 'm8g.large' | 'm8g.xlarge' | 'm8g.2xlarge' | 'm8g.4xlarge' | 'm8g.8xlarge' | 'm8g.12xlarge' | 'm8g.16xlarge' | 'm8g.24xlarge' | 'm8g.48xlarge' | 'm8g.metal-24xl' | 'm8g.metal-48xl' | 'x8g.medium' | 'x8g.large' | 'x8g.xlarge' | 'x8g.2xlarge' | 'x8g.4xlarge' | 'x8g.8xlarge' | 'x8g.12xlarge' | 'x8g.16xlarge' | 'x8g.24xlarge' | 'x8g.48xlarge' | 'x8g.metal-24xl' | 'x8g.metal-48xl' | 'i7ie.large' | 'i7ie.xlarge' | 'i7ie.2xlarge' | 'i7ie.3xlarge' | 'i7ie.6xlarge' | 'i7ie.12xlarge' | 'i7ie.18xlarge' | 'i7ie.24xlarge' | 'i7ie.48xlarge' | 'i8g.large' | 'i8g.xlarge' | 'i8g.2xlarge' | 'i8g.4xlarge' | 'i8g.8xlarge' | 'i8g.12xlarge' | 'i8g.16xlarge' | 'i8g.24xlarge' | 'i8g.metal-24xl' | 'u7i-6tb.112xlarge' | 'u7i-8tb.112xlarge' | 'u7inh-32tb.480xlarge' | 'p5e.48xlarge' | 'p5en.48xlarge' | 'f2.12xlarge' | 'f2.48xlarge' | 'trn2.48xlarge' | 'c7i-flex.12xlarge' | 'c7i-flex.16xlarge' | 'm7i-flex.12xlarge' | 'm7i-flex.16xlarge' | 'i7ie.metal-24xl' | 'i7ie.metal-48xl' | 'i8g.48xlarge' | 'c8gd.medium' | 'c8gd.large' | 'c8gd.xlarge' | 'c8gd.2xlarge' | 'c8gd.4xlarge' | 'c8gd.8xlarge' | 'c8gd.12xlarge' | 'c8gd.16xlarge' | 'c8gd.24xlarge' | 'c8gd.48xlarge' | 'c8gd.metal-24xl' | 'c8gd.metal-48xl' | 'i7i.large' | 'i7i.xlarge' | 'i7i.2xlarge' | 'i7i.4xlarge' | 'i7i.8xlarge' | 'i7i.12xlarge' | 'i7i.16xlarge' | 'i7i.24xlarge' | 'i7i.48xlarge' | 'i7i.metal-24xl' | 'i7i.metal-48xl' | 'p6-b200.48xlarge' | 'm8gd.medium' | 'm8gd.large' | 'm8gd.xlarge' | 'm8gd.2xlarge' | 'm8gd.4xlarge' | 'm8gd.8xlarge' | 'm8gd.12xlarge' | 'm8gd.16xlarge' | 'm8gd.24xlarge' | 'm8gd.48xlarge' | 'm8gd.metal-24xl' | 'm8gd.metal-48xl' | 'r8gd.medium' | 'r8gd.large' | 'r8gd.xlarge' | 'r8gd.2xlarge' | 'r8gd.4xlarge' | 'r8gd.8xlarge' | 'r8gd.12xlarge' | 'r8gd.16xlarge' | 'r8gd.24xlarge' | 'r8gd.48xlarge' | 'r8gd.metal-24xl' | 'r8gd.metal-48xl' | 'c8gn.medium' | 'c8gn.large' | 'c8gn.xlarge' | 'c8gn.2xlarge' | 'c8gn.4xlarge' | 'c8gn.8xlarge' | 'c8gn.12xlarge' | 'c8gn.16xlarge' | 'c8gn.24xlarge' | 'c8gn.48xlarge' | 'c8gn.metal-24xl' | 'c8gn.metal-48xl' | 'f2.6xlarge' | 'p6e-gb200.36xlarge' | 'g6f.large' | 'g6f.xlarge' | 'g6f.2xlarge' | 'g6f.4xlarge' | 'gr6f.4xlarge' | 'p5.4xlarge' | 'r8i.large' | 'r8i.xlarge' | 'r8i.2xlarge' | 'r8i.4xlarge' | 'r8i.8xlarge' | 'r8i.12xlarge' | 'r8i.16xlarge' | 'r8i.24xlarge' | 'r8i.32xlarge' | 'r8i.48xlarge' | 'r8i.96xlarge' | 'r8i.metal-48xl' | 'r8i.metal-96xl' | 'r8i-flex.large' | 'r8i-flex.xlarge' | 'r8i-flex.2xlarge' | 'r8i-flex.4xlarge' | 'r8i-flex.8xlarge' | 'r8i-flex.12xlarge' | 'r8i-flex.16xlarge' | 'm8i.large' | 'm8i.xlarge' | 'm8i.2xlarge' | 'm8i.4xlarge' | 'm8i.8xlarge' | 'm8i.12xlarge' | 'm8i.16xlarge' | 'm8i.24xlarge' | 'm8i.32xlarge' | 'm8i.48xlarge' | 'm8i.96xlarge' | 'm8i.metal-48xl' | 'm8i.metal-96xl' | 'm8i-flex.large' | 'm8i-flex.xlarge' | 'm8i-flex.2xlarge' | 'm8i-flex.4xlarge' | 'm8i-flex.8xlarge' | 'm8i-flex.12xlarge' | 'm8i-flex.16xlarge' | 'i8ge.large' | 'i8ge.xlarge' | 'i8ge.2xlarge' | 'i8ge.3xlarge' | 'i8ge.6xlarge' | 'i8ge.12xlarge' | 'i8ge.18xlarge' | 'i8ge.24xlarge' | 'i8ge.48xlarge' | 'i8ge.metal-24xl' | 'i8ge.metal-48xl' | 'mac-m4.metal' | 'mac-m4pro.metal' | 'r8gn.medium' | 'r8gn.large' | 'r8gn.xlarge' | 'r8gn.2xlarge' | 'r8gn.4xlarge' | 'r8gn.8xlarge' | 'r8gn.12xlarge' | 'r8gn.16xlarge' | 'r8gn.24xlarge' | 'r8gn.48xlarge' | 'r8gn.metal-24xl' | 'r8gn.metal-48xl' | 'c8i.large' | 'c8i.xlarge' | 'c8i.2xlarge' | 'c8i.4xlarge' | 'c8i.8xlarge' | 'c8i.12xlarge' | 'c8i.16xlarge' | 'c8i.24xlarge' | 'c8i.32xlarge' | 'c8i.48xlarge' | 'c8i.96xlarge' | 'c8i.metal-48xl' | 'c8i.metal-96xl' | 'c8i-flex.large' | 'c8i-flex.xlarge' | 'c8i-flex.2xlarge' | 'c8i-flex.4xlarge' | 'c8i-flex.8xlarge' | 'c8i-flex.12xlarge' | 'c8i-flex.16xlarge' | 'r8gb.medium' | 'r8gb.large' | 'r8gb.xlarge' | 'r8gb.2xlarge' | 'r8gb.4xlarge' | 'r8gb.8xlarge' | 'r8gb.12xlarge' | 'r8gb.16xlarge' | 'r8gb.24xlarge' | 'r8gb.metal-24xl' | 'm8a.medium' | 'm8a.large' | 'm8a.xlarge' | 'm8a.2xlarge' | 'm8a.4xlarge' | 'm8a.8xlarge' | 'm8a.12xlarge' | 'm8a.16xlarge' | 'm8a.24xlarge' | 'm8a.48xlarge' | 'm8a.metal-24xl' | 'm8a.metal-48xl' | 'trn2.3xlarge' | 'r8a.medium' | 'r8a.large' | 'r8a.xlarge' | 'r8a.2xlarge' | 'r8a.4xlarge' | 'r8a.8xlarge' | 'r8a.12xlarge' | 'r8a.16xlarge' | 'r8a.24xlarge' | 'r8a.48xlarge' | 'r8a.metal-24xl' | 'r8a.metal-48xl' | 'p6-b300.48xlarge' | 'c8a.medium' | 'c8a.large' | 'c8a.xlarge' | 'c8a.2xlarge' | 'c8a.4xlarge' | 'c8a.8xlarge' | 'c8a.12xlarge' | 'c8a.16xlarge' | 'c8a.24xlarge' | 'c8a.48xlarge' | 'c8a.metal-24xl' | 'c8a.metal-48xl' | 'c8gb.12xlarge' | 'c8gb.16xlarge' | 'c8gb.24xlarge' | 'c8gb.2xlarge' | 'c8gb.4xlarge' | 'c8gb.8xlarge' | 'c8gb.large' | 'c8gb.medium' | 'c8gb.metal-24xl' | 'c8gb.xlarge' | 'c8gb.48xlarge' | 'c8gb.metal-48xl' | 'm8gb.12xlarge' | 'm8gb.16xlarge' | 'm8gb.24xlarge' | 'm8gb.2xlarge' | 'm8gb.4xlarge' | 'm8gb.8xlarge' | 'm8gb.large' | 'm8gb.medium' | 'm8gb.xlarge' | 'm8gb.48xlarge' | 'm8gb.metal-24xl' | 'm8gb.metal-48xl' | 'm8gn.12xlarge' | 'm8gn.16xlarge' | 'm8gn.24xlarge' | 'm8gn.2xlarge' | 'm8gn.48xlarge' | 'm8gn.4xlarge' | 'm8gn.8xlarge' | 'm8gn.large' | 'm8gn.medium' | 'm8gn.xlarge' | 'm8gn.metal-24xl' | 'm8gn.metal-48xl' | 'x8aedz.12xlarge' | 'x8aedz.24xlarge' | 'x8aedz.3xlarge' | 'x8aedz.6xlarge' | 'x8aedz.large' | 'x8aedz.metal-12xl' | 'x8aedz.metal-24xl' | 'x8aedz.xlarge' | 'm8azn.medium' | 'm8azn.large' | 'm8azn.xlarge' | 'm8azn.3xlarge' | 'm8azn.6xlarge' | 'm8azn.12xlarge' | 'm8azn.24xlarge' | 'm8azn.metal-12xl' | 'm8azn.metal-24xl' | 'x8i.large' | 'x8i.xlarge' | 'x8i.2xlarge' | 'x8i.4xlarge' | 'x8i.8xlarge' | 'x8i.12xlarge' | 'x8i.16xlarge' | 'x8i.24xlarge' | 'x8i.32xlarge' | 'x8i.48xlarge' | 'x8i.64xlarge' | 'x8i.96xlarge' | 'x8i.metal-48xl' | 'x8i.metal-96xl' | 'mac-m4max.metal' | 'g7e.2xlarge' | 'g7e.4xlarge' | 'g7e.8xlarge' | 'g7e.12xlarge' | 'g7e.24xlarge' | 'g7e.48xlarge' | 'r8id.large' | 'r8id.xlarge' | 'r8id.2xlarge' | 'r8id.4xlarge' | 'r8id.8xlarge' | 'r8id.12xlarge' | 'r8id.16xlarge' | 'r8id.24xlarge' | 'r8id.32xlarge' | 'r8id.48xlarge' | 'r8id.96xlarge' | 'r8id.metal-48xl' | 'r8id.metal-96xl' | 'c8id.large' | 'c8id.xlarge' | 'c8id.2xlarge' | 'c8id.4xlarge' | 'c8id.8xlarge' | 'c8id.12xlarge' | 'c8id.16xlarge' | 'c8id.24xlarge' | 'c8id.32xlarge' | 'c8id.48xlarge' | 'c8id.96xlarge' | 'c8id.metal-48xl' | 'c8id.metal-96xl' | 'm8id.large' | 'm8id.xlarge' | 'm8id.2xlarge' | 'm8id.4xlarge' | 'm8id.8xlarge' | 'm8id.12xlarge' | 'm8id.16xlarge' | 'm8id.24xlarge' | 'm8id.32xlarge' | 'm8id.48xlarge' | 'm8id.96xlarge' | 'm8id.metal-48xl' | 'm8id.metal-96xl' | 'hpc8a.96xlarge' | 'c8in.large' | 'c8in.xlarge' | 'c8in.2xlarge' | 'c8in.4xlarge' | 'c8in.8xlarge' | 'c8in.12xlarge' | 'c8in.16xlarge' | 'c8in.24xlarge' | 'c8in.32xlarge' | 'c8in.48xlarge' | 'c8in.96xlarge' | 'c8in.metal-48xl' | 'c8in.metal-96xl' | 'c8ib.large' | 'c8ib.xlarge' | 'c8ib.2xlarge' | 'c8ib.4xlarge' | 'c8ib.8xlarge' | 'c8ib.12xlarge' | 'c8ib.16xlarge' | 'c8ib.24xlarge' | 'c8ib.32xlarge' | 'c8ib.48xlarge' | 'c8ib.96xlarge' | 'c8ib.metal-48xl' | 'c8ib.metal-96xl' | 'r8in.large' | 'r8in.xlarge' | 'r8in.2xlarge' | 'r8in.4xlarge' | 'r8in.8xlarge' | 'r8in.12xlarge' | 'r8in.16xlarge' | 'r8in.24xlarge' | 'r8in.32xlarge' | 'r8in.48xlarge' | 'r8in.96xlarge' | 'r8ib.large' | 'r8ib.xlarge' | 'r8ib.2xlarge' | 'r8ib.4xlarge' | 'r8ib.8xlarge' | 'r8ib.12xlarge' | 'r8ib.16xlarge' | 'r8ib.24xlarge' | 'r8ib.32xlarge' | 'r8ib.48xlarge' | 'r8ib.96xlarge' | 'm8in.large' | 'm8in.xlarge' | 'm8in.2xlarge' | 'm8in.4xlarge' | 'm8in.8xlarge' | 'm8in.12xlarge' | 'm8in.16xlarge' | 'm8in.24xlarge' | 'm8in.32xlarge' | 'm8in.48xlarge' | 'm8in.96xlarge' | 'm8ib.large' | 'm8ib.xlarge' | 'm8ib.2xlarge' | 'm8ib.4xlarge' | 'm8ib.8xlarge' | 'm8ib.12xlarge' | 'm8ib.16xlarge' | 'm8ib.24xlarge' | 'm8ib.32xlarge' | 'm8ib.48xlarge' | 'm8ib.96xlarge' | 'm8ine.large' | 'm8ine.xlarge' | 'm8ine.2xlarge' | 'm8ine.4xlarge' | 'm8ine.8xlarge' | 'm8ine.12xlarge' | 'c8ine.large' | 'c8ine.xlarge' | 'c8ine.2xlarge' | 'c8ine.4xlarge' | 'c8ine.8xlarge' | 'c8ine.12xlarge' | 'm8idn.large' | 'm8idn.xlarge' | 'm8idn.2xlarge' | 'm8idn.4xlarge' | 'm8idn.8xlarge' | 'm8idn.12xlarge' | 'm8idn.16xlarge' | 'm8idn.24xlarge' | 'm8idn.32xlarge' | 'm8idn.48xlarge' | 'm8idn.96xlarge' | 'r8idn.large' | 'r8idn.xlarge' | 'r8idn.2xlarge' | 'r8idn.4xlarge' | 'r8idn.8xlarge' | 'r8idn.12xlarge' | 'r8idn.16xlarge' | 'r8idn.24xlarge' | 'r8idn.32xlarge' | 'r8idn.48xlarge' | 'r8idn.96xlarge' | 'm8idb.large' | 'm8idb.xlarge' | 'm8idb.2xlarge' | 'm8idb.4xlarge' | 'm8idb.8xlarge' | 'm8idb.12xlarge' | 'm8idb.16xlarge' | 'm8idb.24xlarge' | 'm8idb.32xlarge' | 'm8idb.48xlarge' | 'm8idb.96xlarge' | 'r8idb.large' | 'r8idb.xlarge' | 'r8idb.2xlarge' | 'r8idb.4xlarge' | 'r8idb.8xlarge' | 'r8idb.12xlarge' | 'r8idb.16xlarge' | 'r8idb.24xlarge' | 'r8idb.32xlarge' | 'r8idb.48xlarge' | 'r8idb.96xlarge' | 'mac-m3ultra.metal' | 'm9g.large' | 'm9g.xlarge' | 'm9g.2xlarge' | 'm9g.4xlarge' | 'm9g.8xlarge' | 'm9g.12xlarge' | 'm9g.16xlarge' | 'm9g.24xlarge' | 'm9g.48xlarge' | 'm9g.metal-24xl' | 'm9g.metal-48xl' | 'm9gd.large' | 'm9gd.xlarge' | 'm9gd.2xlarge' | 'm9gd.4xlarge' | 'm9gd.8xlarge' | 'm9gd.12xlarge' | 'm9gd.16xlarge' | 'm9gd.24xlarge' | 'm9gd.48xlarge' | 'm9gd.metal-24xl' | 'm9gd.metal-48xl' | 'r8in.metal-48xl' | 'r8in.metal-96xl' | 'r8ib.metal-48xl' | 'r8ib.metal-96xl' | 'r8idn.metal-48xl' | 'r8idn.metal-96xl' | 'r8idb.metal-48xl' | 'r8idb.metal-96xl' | 'm8in.metal-48xl' | 'm8in.metal-96xl' | 'm8ib.metal-48xl' | 'm8ib.metal-96xl' | 'm8idn.metal-48xl' | 'm8idn.metal-96xl' | 'm8idb.metal-48xl' | 'm8idb.metal-96xl' | 'g7.2xlarge' | 'g7.4xlarge' | 'g7.8xlarge' | 'g7.12xlarge' | 'g7.24xlarge' | 'g7.48xlarge' | 'c9g.medium' | 'c9g.large' | 'c9g.xlarge' | 'c9g.2xlarge' | 'c9g.4xlarge' | 'c9g.8xlarge' | 'c9g.12xlarge' | 'c9g.16xlarge' | 'c9g.24xlarge' | 'c9g.48xlarge' | 'c9g.metal-48xl' | 'c9gd.medium' | 'c9gd.large' | 'c9gd.xlarge' | 'c9gd.2xlarge' | 'c9gd.4xlarge' | 'c9gd.8xlarge' | 'c9gd.12xlarge' | 'c9gd.16xlarge' | 'c9gd.24xlarge' | 'c9gd.48xlarge' | 'c9gd.metal-48xl' | 'r9g.medium' | 'r9g.large' | 'r9g.xlarge' | 'r9g.2xlarge' | 'r9g.4xlarge' | 'r9g.8xlarge' | 'r9g.12xlarge' | 'r9g.16xlarge' | 'r9g.24xlarge' | 'r9g.48xlarge' | 'r9g.metal-48xl' | 'r9gd.medium' | 'r9gd.large' | 'r9gd.xlarge' | 'r9gd.2xlarge' | 'r9gd.4xlarge' | 'r9gd.8xlarge' | 'r9gd.12xlarge' | 'r9gd.16xlarge' | 'r9gd.24xlarge' | 'r9gd.48xlarge' | 'r9gd.metal-48xl' | 'm9g.medium' | 't8i.nano' | 't8i.micro' | 't8i.small' | 't8i.medium' | 'i8g.metal-48xl' | 'r8gb.48xlarge' | 'r8gb.metal-48xl' | 'm9gd.medium' | 'trn2u.48xlarge';
  LaunchTime?: number;
  Placement?: Ec2Placement;
  KernelId?: string;
  RamdiskId?: string;
  Platform?: 'Windows';
  Monitoring?: Ec2Monitoring;
  SubnetId?: string;
  VpcId?: string;
  PrivateIpAddress?: string;
  PublicIpAddress?: string;
}

export interface Ec2InstanceAttachmentEnaSrdSpecification {
  EnaSrdEnabled?: boolean;
  EnaSrdUdpSpecification?: Ec2InstanceAttachmentEnaSrdUdpSpecification;
}

export interface Ec2InstanceAttachmentEnaSrdUdpSpecification {
  EnaSrdUdpEnabled?: boolean;
}

export interface Ec2InstanceBlockDeviceMapping {
  DeviceName?: string;
  Ebs?: Ec2EbsInstanceBlockDevice;
}

export interface Ec2InstanceIpv4Prefix {
  Ipv4Prefix?: string;
}

export interface Ec2InstanceIpv6Address {
  Ipv6Address?: string;
  IsPrimaryIpv6?: boolean;
}

export interface Ec2InstanceIpv6Prefix {
  Ipv6Prefix?: string;
}

export interface Ec2InstanceMaintenanceOptions {
  AutoRecovery?: 'disabled' | 'default';
  RebootMigration?: 'disabled' | 'default';
}

export interface Ec2InstanceMetadataOptionsResponse {
  State?: 'pending' | 'applied';
  HttpTokens?: 'optional' | 'required';
  HttpPutResponseHopLimit?: number;
  HttpEndpoint?: 'disabled' | 'enabled';
  HttpProtocolIpv6?: 'disabled' | 'enabled';
  InstanceMetadataTags?: 'disabled' | 'enabled';
}

export interface Ec2InstanceNetworkInterface {
  Association?: Ec2InstanceNetworkInterfaceAssociation;
  Attachment?: Ec2InstanceNetworkInterfaceAttachment;
  Description?: string;
  Groups?: Ec2GroupIdentifier[];
  Ipv6Addresses?: Ec2InstanceIpv6Address[];
  MacAddress?: string;
  NetworkInterfaceId?: string;
  OwnerId?: string;
  PrivateDnsName?: string;
  PrivateIpAddress?: string;
  PrivateIpAddresses?: Ec2InstancePrivateIpAddress[];
  SourceDestCheck?: boolean;
  Status?: 'available' | 'associated' | 'attaching' | 'in-use' | 'detaching';
  SubnetId?: string;
  VpcId?: string;
  InterfaceType?: string;
  Ipv4Prefixes?: Ec2InstanceIpv4Prefix[];
  Ipv6Prefixes?: Ec2InstanceIpv6Prefix[];
  ConnectionTrackingConfiguration?: Ec2ConnectionTrackingSpecificationResponse;
  Operator?: Ec2OperatorResponse;
}

export interface Ec2InstanceNetworkInterfaceAssociation {
  CarrierIp?: string;
  CustomerOwnedIp?: string;
  IpOwnerId?: string;
  PublicDnsName?: string;
  PublicIp?: string;
}

export interface Ec2InstanceNetworkInterfaceAttachment {
  AttachTime?: number;
  AttachmentId?: string;
  DeleteOnTermination?: boolean;
  DeviceIndex?: number;
  Status?: 'attaching' | 'attached' | 'detaching' | 'detached';
  NetworkCardIndex?: number;
  EnaSrdSpecification?: Ec2InstanceAttachmentEnaSrdSpecification;
  EnaQueueCount?: number;
}

export interface Ec2InstanceNetworkPerformanceOptions {
  BandwidthWeighting?: 'default' | 'vpc-1' | 'ebs-1';
}

export interface Ec2InstancePrivateIpAddress {
  Association?: Ec2InstanceNetworkInterfaceAssociation;
  Primary?: boolean;
  PrivateDnsName?: string;
  PrivateIpAddress?: string;
}

export interface Ec2InstanceSecondaryInterface {
  Attachment?: Ec2InstanceSecondaryInterfaceAttachment;
  MacAddress?: string;
  SecondaryInterfaceId?: string;
  OwnerId?: string;
  PrivateIpAddresses?: Ec2InstanceSecondaryInterfacePrivateIpAddress[];
  SourceDestCheck?: boolean;
  Status?: 'available' | 'in-use';
  SecondarySubnetId?: string;
  SecondaryNetworkId?: string;
  InterfaceType?: 'secondary';
}

export interface Ec2InstanceSecondaryInterfaceAttachment {
  AttachTime?: number;
  AttachmentId?: string;
  DeleteOnTermination?: boolean;
  DeviceIndex?: number;
  Status?: 'attaching' | 'attached' | 'detaching' | 'detached';
  NetworkCardIndex?: number;
}

export interface Ec2InstanceSecondaryInterfacePrivateIpAddress {
  PrivateIpAddress?: string;
}

export interface Ec2InstanceState {
  Code?: number;
  Name?: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
}

export interface Ec2LicenseConfiguration {
  LicenseConfigurationArn?: string;
}

export interface Ec2Monitoring {
  MetricCategoryIds?: string[];
  State?: 'disabled' | 'disabling' | 'enabled' | 'pending';
}

export interface Ec2OperatorResponse {
  Managed?: boolean;
  Principal?: string;
  HiddenByDefault?: boolean;
}

export interface Ec2Placement {
  AvailabilityZoneId?: string;
  Affinity?: string;
  GroupName?: string;
  PartitionNumber?: number;
  HostId?: string;
  Tenancy?: 'default' | 'dedicated' | 'host';
  SpreadDomain?: string;
  HostResourceGroupArn?: string;
  GroupId?: string;
  AvailabilityZone?: string;
}

export interface Ec2PrivateDnsNameOptionsResponse {
  HostnameType?: 'ip-name' | 'resource-name';
  EnableResourceNameDnsARecord?: boolean;
  EnableResourceNameDnsAAAARecord?: boolean;
}

export interface Ec2ProductCode {
  ProductCodeId?: string;
  ProductCodeType?: 'devpay' | 'marketplace';
}

export interface Ec2Reservation {
  ReservationId?: string;
  OwnerId?: string;
  RequesterId?: string;
  Groups?: Ec2GroupIdentifier[];
  Instances?: Ec2Instance[];
}

export interface Ec2StateReason {
  Code?: string;
  Message?: string;
}

export interface Ec2Tag {
  Key?: string;
  Value?: string;
}

export interface FerrymanCheckSessionLogDestinationsRequest {
  S3BucketName?: string;
  S3EncryptionEnabled?: boolean;
  CloudWatchLogGroupName?: string;
  CloudWatchEncryptionEnabled?: boolean;
}

export interface FerrymanCheckSessionLogDestinationsResponse {
  Destinations?: FerrymanCheckedDestination[];
}

export interface FerrymanCheckedDestination {
  Destination?: string;
  Usable?: boolean;
  Problem?: string;
}

export interface FerrymanCreateInvitationRequest {
  UserName: string;
  DurationSeconds?: number;
}

export interface FerrymanCreateInvitationResult {
  Invitation?: FerrymanInvitation;
  InvitationToken?: string;
}

export interface FerrymanDeleteInvitationRequest {
  UserName: string;
  InvitationId: string;
}

export interface FerrymanDeleteRecordingHoldRequest {
  SessionId: string;
}

export interface FerrymanDeleteRecordingHoldResponse {
  SessionId?: string;
}

export interface FerrymanDeleteRecordingRequest {
  SessionId: string;
}

export interface FerrymanDeleteRecordingResponse {
  SessionId?: string;
}

export interface FerrymanGetAuditTrailStatusResponse {
  Writing?: boolean;
  Failure?: string;
  Intact?: boolean;
  Problem?: string;
  CheckedRecords?: number;
  FirstRecord?: number;
  LastRecord?: number;
  LastRecordDate?: number;
}

export interface FerrymanGetRecordingEventsRequest {
  SessionId: string;
  StartAt?: number;
  IncludeInput?: boolean;
  NextToken?: string;
}

export interface FerrymanGetRecordingEventsResponse {
  Events?: FerrymanRecordingEvent[];
  NextToken?: string;
}

export interface FerrymanGetRecordingRequest {
  SessionId: string;
}

export interface FerrymanGetRecordingResponse {
  Recording?: FerrymanRecording;
}

export interface FerrymanInvitation {
  InvitationId?: string;
  UserName?: string;
  CreatedBy?: string;
  CreateDate?: number;
  ExpirationDate?: number;
}

export interface FerrymanListInvitationsRequest {
  UserName: string;
}

export interface FerrymanListInvitationsResult {
  Invitations?: FerrymanInvitation[];
}

export interface FerrymanListRecordingsRequest {
  Target?: string;
  Owner?: string;
  StartedAfter?: number;
  StartedBefore?: number;
  MaxResults?: number;
  NextToken?: string;
}

export interface FerrymanListRecordingsResponse {
  Recordings?: FerrymanRecording[];
  NextToken?: string;
}

export interface FerrymanListWatchersRequest {
  SessionId: string;
}

export interface FerrymanListWatchersResponse {
  Watchers?: FerrymanWatcher[];
}

export interface FerrymanMatch {
  SessionId?: string;
  Target?: string;
  Owner?: string;
  DocumentName?: string;
  Date?: number;
  At?: number;
  Line?: string;
}

export interface FerrymanPutRecordingHoldRequest {
  SessionId: string;
  Reason: string;
}

export interface FerrymanPutRecordingHoldResponse {
  Recording?: FerrymanRecording;
}

export interface FerrymanRecording {
  SessionId?: string;
  Status?: 'Recording' | 'Finished';
  Target?: string;
  Owner?: string;
  DocumentName?: string;
  Mode?: 'off' | 'best-effort' | 'required';
  StartDate?: number;
  FinishDate?: number;
  DurationMillis?: number;
  Size?: number;
  BlockCount?: number;
  Head?: string;
  RetainedUntil?: number;
  Hold?: FerrymanRecordingHold;
}

export interface FerrymanRecordingEvent {
  At?: number;
  Kind?: 'o' | 'e' | 'i' | 'r' | 'm' | 'x' | 'c' | 'f';
  Data?: string;
}

export interface FerrymanRecordingHold {
  Reason?: string;
  HeldBy?: string;
  HeldSince?: number;
}

export interface FerrymanSearchRecordingsRequest {
  Phrase: string;
  Target?: string;
  Owner?: string;
  StartedAfter?: number;
  StartedBefore?: number;
  MaxResults?: number;
  NextToken?: string;
}

export interface FerrymanSearchRecordingsResponse {
  Matches?: FerrymanMatch[];
  NextToken?: string;
}

export interface FerrymanVerifyRecordingRequest {
  SessionId: string;
}

export interface FerrymanVerifyRecordingResponse {
  SessionId?: string;
  Intact?: boolean;
  Problem?: string;
}

export interface FerrymanWatchSessionRequest {
  SessionId: string;
}

export interface FerrymanWatchSessionResponse {
  SessionId?: string;
  StreamUrl?: string;
  TokenValue?: string;
  Announced?: boolean;
}

export interface FerrymanWatcher {
  Arn?: string;
  SourceIp?: string;
  Since?: number;
}

export interface IamAccessKey {
  UserName: string;
  AccessKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  SecretAccessKey: string;
  CreateDate?: number;
}

export interface IamAccessKeyLastUsed {
  LastUsedDate?: number;
  ServiceName: string;
  Region: string;
}

export interface IamAccessKeyMetadata {
  UserName?: string;
  AccessKeyId?: string;
  Status?: 'Active' | 'Inactive' | 'Expired';
  CreateDate?: number;
}

export interface IamAddClientIDToOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  ClientID: string;
}

export interface IamAddUserToGroupRequest {
  GroupName: string;
  UserName: string;
}

export interface IamAttachGroupPolicyRequest {
  GroupName: string;
  PolicyArn: string;
}

export interface IamAttachRolePolicyRequest {
  RoleName: string;
  PolicyArn: string;
}

export interface IamAttachUserPolicyRequest {
  UserName: string;
  PolicyArn: string;
}

export interface IamAttachedPermissionsBoundary {
  PermissionsBoundaryType?: 'PermissionsBoundaryPolicy';
  PermissionsBoundaryArn?: string;
}

export interface IamAttachedPolicy {
  PolicyName?: string;
  PolicyArn?: string;
}

export interface IamContextEntry {
  ContextKeyName?: string;
  ContextKeyValues?: string[];
  ContextKeyType?: 'string' | 'stringList' | 'numeric' | 'numericList' | 'boolean' | 'booleanList' | 'ip' | 'ipList' | 'binary' | 'binaryList' | 'date' | 'dateList';
}

export interface IamCreateAccessKeyRequest {
  UserName?: string;
}

export interface IamCreateAccessKeyResponse {
  AccessKey: IamAccessKey;
}

export interface IamCreateGroupRequest {
  Path?: string;
  GroupName: string;
}

export interface IamCreateGroupResponse {
  Group: IamGroup;
}

export interface IamCreateOpenIDConnectProviderRequest {
  Url: string;
  ClientIDList?: string[];
  ThumbprintList?: string[];
  Tags?: IamTag[];
}

export interface IamCreateOpenIDConnectProviderResponse {
  OpenIDConnectProviderArn?: string;
  Tags?: IamTag[];
}

export interface IamCreatePolicyRequest {
  PolicyName: string;
  Path?: string;
  PolicyDocument: string;
  Description?: string;
  Tags?: IamTag[];
}

export interface IamCreatePolicyResponse {
  Policy?: IamPolicy;
}

export interface IamCreatePolicyVersionRequest {
  PolicyArn: string;
  PolicyDocument: string;
  SetAsDefault?: boolean;
}

export interface IamCreatePolicyVersionResponse {
  PolicyVersion?: IamPolicyVersion;
}

export interface IamCreateRoleRequest {
  Path?: string;
  RoleName: string;
  AssumeRolePolicyDocument: string;
  Description?: string;
  MaxSessionDuration?: number;
  PermissionsBoundary?: string;
  Tags?: IamTag[];
}

export interface IamCreateRoleResponse {
  Role: IamRole;
}

export interface IamCreateUserRequest {
  Path?: string;
  UserName: string;
  PermissionsBoundary?: string;
  Tags?: IamTag[];
}

export interface IamCreateUserResponse {
  User?: IamUser;
}

export interface IamDeleteAccessKeyRequest {
  UserName?: string;
  AccessKeyId: string;
}

export interface IamDeleteGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
}

export interface IamDeleteGroupRequest {
  GroupName: string;
}

export interface IamDeleteLoginProfileRequest {
  UserName?: string;
}

export interface IamDeleteOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
}

export interface IamDeletePolicyRequest {
  PolicyArn: string;
}

export interface IamDeletePolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamDeleteRolePermissionsBoundaryRequest {
  RoleName: string;
}

export interface IamDeleteRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
}

export interface IamDeleteRoleRequest {
  RoleName: string;
}

export interface IamDeleteUserPermissionsBoundaryRequest {
  UserName: string;
}

export interface IamDeleteUserPolicyRequest {
  UserName: string;
  PolicyName: string;
}

export interface IamDeleteUserRequest {
  UserName: string;
}

export interface IamDetachGroupPolicyRequest {
  GroupName: string;
  PolicyArn: string;
}

export interface IamDetachRolePolicyRequest {
  RoleName: string;
  PolicyArn: string;
}

export interface IamDetachUserPolicyRequest {
  UserName: string;
  PolicyArn: string;
}

export interface IamEvaluationResult {
  EvalActionName: string;
  EvalResourceName?: string;
  EvalDecision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  MatchedStatements?: IamStatement[];
  MissingContextValues?: string[];
  OrganizationsDecisionDetail?: IamOrganizationsDecisionDetail;
  PermissionsBoundaryDecisionDetail?: IamPermissionsBoundaryDecisionDetail;
  EvalDecisionDetails?: Record<string, 'allowed' | 'explicitDeny' | 'implicitDeny'>;
  ResourceSpecificResults?: IamResourceSpecificResult[];
}

export interface IamGetAccessKeyLastUsedRequest {
  AccessKeyId: string;
}

export interface IamGetAccessKeyLastUsedResponse {
  UserName?: string;
  AccessKeyLastUsed?: IamAccessKeyLastUsed;
}

export interface IamGetAccountAuthorizationDetailsRequest {
  Filter?: ('User' | 'Role' | 'Group' | 'LocalManagedPolicy' | 'AWSManagedPolicy')[];
  MaxItems?: number;
  Marker?: string;
}

export interface IamGetAccountAuthorizationDetailsResponse {
  UserDetailList?: IamUserDetail[];
  GroupDetailList?: IamGroupDetail[];
  RoleDetailList?: IamRoleDetail[];
  Policies?: IamManagedPolicyDetail[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamGetAccountSummaryResponse {
  SummaryMap?: Record<string, number>;
}

export interface IamGetContextKeysForCustomPolicyRequest {
  PolicyInputList: string[];
}

export interface IamGetContextKeysForPolicyResponse {
  ContextKeyNames?: string[];
}

export interface IamGetContextKeysForPrincipalPolicyRequest {
  PolicySourceArn: string;
  PolicyInputList?: string[];
}

export interface IamGetGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
}

export interface IamGetGroupPolicyResponse {
  GroupName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetGroupRequest {
  GroupName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamGetGroupResponse {
  Group: IamGroup;
  Users: IamUser[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamGetLoginProfileRequest {
  UserName?: string;
}

export interface IamGetLoginProfileResponse {
  LoginProfile: IamLoginProfile;
}

export interface IamGetOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
}

export interface IamGetOpenIDConnectProviderResponse {
  Url?: string;
  ClientIDList?: string[];
  ThumbprintList?: string[];
  CreateDate?: number;
  Tags?: IamTag[];
}

export interface IamGetPolicyRequest {
  PolicyArn: string;
}

export interface IamGetPolicyResponse {
  Policy?: IamPolicy;
}

export interface IamGetPolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamGetPolicyVersionResponse {
  PolicyVersion?: IamPolicyVersion;
}

export interface IamGetRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
}

export interface IamGetRolePolicyResponse {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetRoleRequest {
  RoleName: string;
}

export interface IamGetRoleResponse {
  Role: IamRole;
}

export interface IamGetUserPolicyRequest {
  UserName: string;
  PolicyName: string;
}

export interface IamGetUserPolicyResponse {
  UserName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetUserRequest {
  UserName?: string;
}

export interface IamGetUserResponse {
  User: IamUser;
}

export interface IamGroup {
  Path: string;
  GroupName: string;
  GroupId: string;
  Arn: string;
  CreateDate: number;
}

export interface IamGroupDetail {
  Path?: string;
  GroupName?: string;
  GroupId?: string;
  Arn?: string;
  CreateDate?: number;
  GroupPolicyList?: IamPolicyDetail[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
}

export interface IamInlinePolicyIdentifierType {
  PolicyName: string;
  AttachmentType: 'user' | 'group' | 'role';
  AttachmentName: string;
}

export interface IamInstanceProfile {
  Path: string;
  InstanceProfileName: string;
  InstanceProfileId: string;
  Arn: string;
  CreateDate: number;
  Roles: IamRole[];
  Tags?: IamTag[];
}

export interface IamListAccessKeysRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAccessKeysResponse {
  AccessKeyMetadata: IamAccessKeyMetadata[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAccountAliasesRequest {
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAccountAliasesResponse {
  AccountAliases: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedGroupPoliciesRequest {
  GroupName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedGroupPoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedRolePoliciesRequest {
  RoleName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedRolePoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedUserPoliciesRequest {
  UserName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedUserPoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListEntitiesForPolicyRequest {
  PolicyArn: string;
  EntityFilter?: 'User' | 'Role' | 'Group' | 'LocalManagedPolicy' | 'AWSManagedPolicy';
  PathPrefix?: string;
  PolicyUsageFilter?: 'PermissionsPolicy' | 'PermissionsBoundary';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListEntitiesForPolicyResponse {
  PolicyGroups?: IamPolicyGroup[];
  PolicyUsers?: IamPolicyUser[];
  PolicyRoles?: IamPolicyRole[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupPoliciesRequest {
  GroupName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupPoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupsForUserRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupsForUserResponse {
  Groups: IamGroup[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupsRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupsResponse {
  Groups: IamGroup[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListInstanceProfilesForRoleRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListInstanceProfilesForRoleResponse {
  InstanceProfiles: IamInstanceProfile[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListMFADevicesRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListMFADevicesResponse {
  MFADevices: IamMFADevice[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListOpenIDConnectProviderTagsRequest {
  OpenIDConnectProviderArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListOpenIDConnectProviderTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListOpenIDConnectProvidersResponse {
  OpenIDConnectProviderList?: IamOpenIDConnectProviderListEntry[];
}

export interface IamListPoliciesRequest {
  Scope?: 'All' | 'AWS' | 'Local';
  OnlyAttached?: boolean;
  PathPrefix?: string;
  PolicyUsageFilter?: 'PermissionsPolicy' | 'PermissionsBoundary';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPoliciesResponse {
  Policies?: IamPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListPolicyTagsRequest {
  PolicyArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPolicyTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListPolicyVersionsRequest {
  PolicyArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPolicyVersionsResponse {
  Versions?: IamPolicyVersion[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRolePoliciesRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRolePoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRoleTagsRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRoleTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRolesRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRolesResponse {
  Roles: IamRole[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListSSHPublicKeysRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListSSHPublicKeysResponse {
  SSHPublicKeys?: IamSSHPublicKeyMetadata[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListServiceSpecificCredentialsRequest {
  UserName?: string;
  ServiceName?: string;
  AllUsers?: boolean;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListServiceSpecificCredentialsResponse {
  ServiceSpecificCredentials?: IamServiceSpecificCredentialMetadata[];
  Marker?: string;
  IsTruncated?: boolean;
}

export interface IamListSigningCertificatesRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListSigningCertificatesResponse {
  Certificates: IamSigningCertificate[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUserPoliciesRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUserPoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUserTagsRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUserTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUsersRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUsersResponse {
  Users: IamUser[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListVirtualMFADevicesRequest {
  AssignmentStatus?: 'Assigned' | 'Unassigned' | 'Any';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListVirtualMFADevicesResponse {
  VirtualMFADevices: IamVirtualMFADevice[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamLoginProfile {
  UserName: string;
  CreateDate: number;
  PasswordResetRequired?: boolean;
}

export interface IamMFADevice {
  UserName: string;
  SerialNumber: string;
  EnableDate: number;
}

export interface IamManagedPolicyDetail {
  PolicyName?: string;
  PolicyId?: string;
  Arn?: string;
  Path?: string;
  DefaultVersionId?: string;
  AttachmentCount?: number;
  PermissionsBoundaryUsageCount?: number;
  IsAttachable?: boolean;
  Description?: string;
  CreateDate?: number;
  UpdateDate?: number;
  PolicyVersionList?: IamPolicyVersion[];
}

export interface IamOpenIDConnectProviderListEntry {
  Arn?: string;
}

export interface IamOrderedOrganizationPolicyType {
  ServiceControlPolicyInputList?: string[];
}

export interface IamOrganizationsDecisionDetail {
  AllowedByOrganizations?: boolean;
}

export interface IamPermissionsBoundaryDecisionDetail {
  AllowedByPermissionsBoundary?: boolean;
}

export interface IamPolicy {
  PolicyName?: string;
  PolicyId?: string;
  Arn?: string;
  Path?: string;
  DefaultVersionId?: string;
  AttachmentCount?: number;
  PermissionsBoundaryUsageCount?: number;
  IsAttachable?: boolean;
  Description?: string;
  CreateDate?: number;
  UpdateDate?: number;
  Tags?: IamTag[];
}

export interface IamPolicyDetail {
  PolicyName?: string;
  PolicyDocument?: string;
}

export interface IamPolicyGroup {
  GroupName?: string;
  GroupId?: string;
}

export interface IamPolicyIdentifier {
  PolicyType?: 'inline' | 'aws-managed' | 'user-managed' | 'permission-boundary' | 'scp' | 'rcp';
  PolicyArn?: string;
  InlinePolicyIdentifier?: IamInlinePolicyIdentifierType;
}

export interface IamPolicyRole {
  RoleName?: string;
  RoleId?: string;
}

export interface IamPolicyUser {
  UserName?: string;
  UserId?: string;
}

export interface IamPolicyVersion {
  Document?: string;
  VersionId?: string;
  IsDefaultVersion?: boolean;
  CreateDate?: number;
}

export interface IamPosition {
  Line?: number;
  Column?: number;
}

export interface IamPutGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamPutRolePermissionsBoundaryRequest {
  RoleName: string;
  PermissionsBoundary: string;
}

export interface IamPutRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamPutUserPermissionsBoundaryRequest {
  UserName: string;
  PermissionsBoundary: string;
}

export interface IamPutUserPolicyRequest {
  UserName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamRemoveClientIDFromOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  ClientID: string;
}

export interface IamRemoveUserFromGroupRequest {
  GroupName: string;
  UserName: string;
}

export interface IamResourceSpecificResult {
  EvalResourceName: string;
  EvalResourceDecision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  MatchedStatements?: IamStatement[];
  MissingContextValues?: string[];
  EvalDecisionDetails?: Record<string, 'allowed' | 'explicitDeny' | 'implicitDeny'>;
  PermissionsBoundaryDecisionDetail?: IamPermissionsBoundaryDecisionDetail;
}

export interface IamRole {
  Path: string;
  RoleName: string;
  RoleId: string;
  Arn: string;
  CreateDate: number;
  AssumeRolePolicyDocument?: string;
  Description?: string;
  MaxSessionDuration?: number;
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
  RoleLastUsed?: IamRoleLastUsed;
  SourceRoleTemplate?: IamSourceRoleTemplate;
}

export interface IamRoleDetail {
  Path?: string;
  RoleName?: string;
  RoleId?: string;
  Arn?: string;
  CreateDate?: number;
  AssumeRolePolicyDocument?: string;
  InstanceProfileList?: IamInstanceProfile[];
  RolePolicyList?: IamPolicyDetail[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
  RoleLastUsed?: IamRoleLastUsed;
}

export interface IamRoleLastUsed {
  LastUsedDate?: number;
  Region?: string;
}

export interface IamSSHPublicKeyMetadata {
  UserName: string;
  SSHPublicKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  UploadDate: number;
}

export interface IamServiceSpecificCredentialMetadata {
  UserName: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  ServiceUserName?: string;
  ServiceCredentialAlias?: string;
  CreateDate: number;
  ExpirationDate?: number;
  ServiceSpecificCredentialId: string;
  ServiceName: string;
}

export interface IamSetDefaultPolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamSigningCertificate {
  UserName: string;
  CertificateId: string;
  CertificateBody: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  UploadDate?: number;
}

export interface IamSimulateCustomPolicyRequest {
  PolicyInputList: string[];
  PermissionsBoundaryPolicyInputList?: string[];
  OrderedOrganizationPolicyInputList?: IamOrderedOrganizationPolicyType[];
  ActionNames: string[];
  ResourceArns?: string[];
  ResourcePolicy?: string;
  ResourceOwner?: string;
  CallerArn?: string;
  ContextEntries?: IamContextEntry[];
  ResourceHandlingOption?: string;
  MaxItems?: number;
  Marker?: string;
}

export interface IamSimulatePolicyResponse {
  EvaluationResults?: IamEvaluationResult[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamSimulatePrincipalPolicyRequest {
  PolicySourceArn: string;
  PolicyInputList?: string[];
  PermissionsBoundaryPolicyInputList?: string[];
  PolicyExclusionList?: IamPolicyIdentifier[];
  ActionNames: string[];
  ResourceArns?: string[];
  ResourcePolicy?: string;
  ResourceOwner?: string;
  CallerArn?: string;
  ContextEntries?: IamContextEntry[];
  ResourceHandlingOption?: string;
  MaxItems?: number;
  Marker?: string;
}

export interface IamSourceRoleTemplate {
  TemplateArn: string;
  TemplateMinorVersion: number;
}

export interface IamStatement {
  SourcePolicyId?: string;
  SourcePolicyType?: 'user' | 'group' | 'role' | 'aws-managed' | 'user-managed' | 'resource' | 'none';
  StartPosition?: IamPosition;
  EndPosition?: IamPosition;
}

export interface IamTag {
  Key: string;
  Value: string;
}

export interface IamTagOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  Tags: IamTag[];
}

export interface IamTagPolicyRequest {
  PolicyArn: string;
  Tags: IamTag[];
}

export interface IamTagRoleRequest {
  RoleName: string;
  Tags: IamTag[];
}

export interface IamTagUserRequest {
  UserName: string;
  Tags: IamTag[];
}

export interface IamUntagOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  TagKeys: string[];
}

export interface IamUntagPolicyRequest {
  PolicyArn: string;
  TagKeys: string[];
}

export interface IamUntagRoleRequest {
  RoleName: string;
  TagKeys: string[];
}

export interface IamUntagUserRequest {
  UserName: string;
  TagKeys: string[];
}

export interface IamUpdateAccessKeyRequest {
  UserName?: string;
  AccessKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
}

export interface IamUpdateAssumeRolePolicyRequest {
  RoleName: string;
  PolicyDocument: string;
}

export interface IamUpdateGroupRequest {
  GroupName: string;
  NewPath?: string;
  NewGroupName?: string;
}

export interface IamUpdateOpenIDConnectProviderThumbprintRequest {
  OpenIDConnectProviderArn: string;
  ThumbprintList: string[];
}

export interface IamUpdateRoleDescriptionRequest {
  RoleName: string;
  Description: string;
}

export interface IamUpdateRoleDescriptionResponse {
  Role?: IamRole;
}

export interface IamUpdateRoleRequest {
  RoleName: string;
  Description?: string;
  MaxSessionDuration?: number;
}

export interface IamUpdateUserRequest {
  UserName: string;
  NewPath?: string;
  NewUserName?: string;
}

export interface IamUser {
  Path: string;
  UserName: string;
  UserId: string;
  Arn: string;
  CreateDate: number;
  PasswordLastUsed?: number;
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
}

export interface IamUserDetail {
  Path?: string;
  UserName?: string;
  UserId?: string;
  Arn?: string;
  CreateDate?: number;
  UserPolicyList?: IamPolicyDetail[];
  GroupList?: string[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
}

export interface IamVirtualMFADevice {
  SerialNumber: string;
  Base32StringSeed?: string;
  QRCodePNG?: string;
  User?: IamUser;
  EnableDate?: number;
  Tags?: IamTag[];
}

export interface KmsAliasListEntry {
  AliasName?: string;
  AliasArn?: string;
  TargetKeyId?: string;
  CreationDate?: number;
  LastUpdatedDate?: number;
}

export interface KmsCancelKeyDeletionRequest {
  KeyId: string;
}

export interface KmsCancelKeyDeletionResponse {
  KeyId?: string;
}

export interface KmsCreateAliasRequest {
  AliasName: string;
  TargetKeyId: string;
}

export interface KmsCreateGrantRequest {
  KeyId: string;
  GranteePrincipal?: string;
  RetiringPrincipal?: string;
  Operations: ('Decrypt' | 'Encrypt' | 'GenerateDataKey' | 'GenerateDataKeyWithoutPlaintext' | 'ReEncryptFrom' | 'ReEncryptTo' | 'Sign' | 'Verify' | 'GetPublicKey' | 'CreateGrant' | 'RetireGrant' | 'DescribeKey' | 'GenerateDataKeyPair' | 'GenerateDataKeyPairWithoutPlaintext' | 'GenerateMac' | 'VerifyMac' | 'DeriveSharedSecret' | 'Encapsulate' | 'Decapsulate')[];
  Constraints?: KmsGrantConstraints;
  GrantTokens?: string[];
  Name?: string;
  DryRun?: boolean;
  GranteeServicePrincipal?: string;
  RetiringServicePrincipal?: string;
}

export interface KmsCreateGrantResponse {
  GrantToken?: string;
  GrantId?: string;
}

export interface KmsCreateKeyRequest {
  Policy?: string;
  Description?: string;
  KeyUsage?: 'SIGN_VERIFY' | 'ENCRYPT_DECRYPT' | 'GENERATE_VERIFY_MAC' | 'KEY_AGREEMENT' | 'ENCAPSULATE_DECAPSULATE';
  CustomerMasterKeySpec?: 'RSA_2048' | 'RSA_3072' | 'RSA_4096' | 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'ECC_NIST_P521' | 'ECC_SECG_P256K1' | 'SYMMETRIC_DEFAULT' | 'HMAC_224' | 'HMAC_256' | 'HMAC_384' | 'HMAC_512' | 'SM2';
  KeySpec?: 'RSA_2048' | 'RSA_3072' | 'RSA_4096' | 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'ECC_NIST_P521' | 'ECC_SECG_P256K1' | 'SYMMETRIC_DEFAULT' | 'HMAC_224' | 'HMAC_256' | 'HMAC_384' | 'HMAC_512' | 'SM2' | 'ML_DSA_44' | 'ML_DSA_65' | 'ML_DSA_87' | 'ECC_NIST_EDWARDS25519' | 'ML_KEM_512' | 'ML_KEM_768' | 'ML_KEM_1024';
  Origin?: 'AWS_KMS' | 'EXTERNAL' | 'AWS_CLOUDHSM' | 'EXTERNAL_KEY_STORE';
  CustomKeyStoreId?: string;
  BypassPolicyLockoutSafetyCheck?: boolean;
  Tags?: KmsTag[];
  MultiRegion?: boolean;
  XksKeyId?: string;
}

export interface KmsCreateKeyResponse {
  KeyMetadata?: KmsKeyMetadata;
}

export interface KmsDecryptRequest {
  CiphertextBlob?: string;
  EncryptionContext?: Record<string, string>;
  GrantTokens?: string[];
  KeyId?: string;
  EncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  Recipient?: KmsRecipientInfo;
  DryRun?: boolean;
  DryRunModifiers?: 'IGNORE_CIPHERTEXT'[];
}

export interface KmsDecryptResponse {
  KeyId?: string;
  Plaintext?: string;
  EncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  CiphertextForRecipient?: string;
  KeyMaterialId?: string;
}

export interface KmsDeleteAliasRequest {
  AliasName: string;
}

export interface KmsDescribeKeyRequest {
  KeyId: string;
  GrantTokens?: string[];
}

export interface KmsDescribeKeyResponse {
  KeyMetadata?: KmsKeyMetadata;
}

export interface KmsDisableKeyRequest {
  KeyId: string;
}

export interface KmsDisableKeyRotationRequest {
  KeyId: string;
}

export interface KmsEnableKeyRequest {
  KeyId: string;
}

export interface KmsEnableKeyRotationRequest {
  KeyId: string;
  RotationPeriodInDays?: number;
}

export interface KmsEncryptRequest {
  KeyId: string;
  Plaintext: string;
  EncryptionContext?: Record<string, string>;
  GrantTokens?: string[];
  EncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  DryRun?: boolean;
}

export interface KmsEncryptResponse {
  CiphertextBlob?: string;
  KeyId?: string;
  EncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
}

export interface KmsGenerateDataKeyRequest {
  KeyId: string;
  EncryptionContext?: Record<string, string>;
  NumberOfBytes?: number;
  KeySpec?: 'AES_256' | 'AES_128';
  GrantTokens?: string[];
  Recipient?: KmsRecipientInfo;
  DryRun?: boolean;
}

export interface KmsGenerateDataKeyResponse {
  CiphertextBlob?: string;
  Plaintext?: string;
  KeyId?: string;
  CiphertextForRecipient?: string;
  KeyMaterialId?: string;
}

export interface KmsGenerateDataKeyWithoutPlaintextRequest {
  KeyId: string;
  EncryptionContext?: Record<string, string>;
  KeySpec?: 'AES_256' | 'AES_128';
  NumberOfBytes?: number;
  GrantTokens?: string[];
  DryRun?: boolean;
}

export interface KmsGenerateDataKeyWithoutPlaintextResponse {
  CiphertextBlob?: string;
  KeyId?: string;
  KeyMaterialId?: string;
}

export interface KmsGenerateRandomRequest {
  NumberOfBytes?: number;
  CustomKeyStoreId?: string;
  Recipient?: KmsRecipientInfo;
}

export interface KmsGenerateRandomResponse {
  Plaintext?: string;
  CiphertextForRecipient?: string;
}

export interface KmsGetKeyPolicyRequest {
  KeyId: string;
  PolicyName?: string;
}

export interface KmsGetKeyPolicyResponse {
  Policy?: string;
  PolicyName?: string;
}

export interface KmsGetKeyRotationStatusRequest {
  KeyId: string;
}

export interface KmsGetKeyRotationStatusResponse {
  KeyRotationEnabled?: boolean;
  KeyId?: string;
  RotationPeriodInDays?: number;
  NextRotationDate?: number;
  OnDemandRotationStartDate?: number;
}

export interface KmsGrantConstraints {
  EncryptionContextSubset?: Record<string, string>;
  EncryptionContextEquals?: Record<string, string>;
  SourceArn?: string;
}

export interface KmsGrantListEntry {
  KeyId?: string;
  GrantId?: string;
  Name?: string;
  CreationDate?: number;
  GranteePrincipal?: string;
  RetiringPrincipal?: string;
  IssuingAccount?: string;
  Operations?: ('Decrypt' | 'Encrypt' | 'GenerateDataKey' | 'GenerateDataKeyWithoutPlaintext' | 'ReEncryptFrom' | 'ReEncryptTo' | 'Sign' | 'Verify' | 'GetPublicKey' | 'CreateGrant' | 'RetireGrant' | 'DescribeKey' | 'GenerateDataKeyPair' | 'GenerateDataKeyPairWithoutPlaintext' | 'GenerateMac' | 'VerifyMac' | 'DeriveSharedSecret' | 'Encapsulate' | 'Decapsulate')[];
  Constraints?: KmsGrantConstraints;
  GranteeServicePrincipal?: string;
  RetiringServicePrincipal?: string;
}

export interface KmsKeyListEntry {
  KeyId?: string;
  KeyArn?: string;
}

export interface KmsKeyMetadata {
  AWSAccountId?: string;
  KeyId: string;
  Arn?: string;
  CreationDate?: number;
  Enabled?: boolean;
  Description?: string;
  KeyUsage?: 'SIGN_VERIFY' | 'ENCRYPT_DECRYPT' | 'GENERATE_VERIFY_MAC' | 'KEY_AGREEMENT' | 'ENCAPSULATE_DECAPSULATE';
  KeyState?: 'Creating' | 'Enabled' | 'Disabled' | 'PendingDeletion' | 'PendingImport' | 'PendingReplicaDeletion' | 'Unavailable' | 'Updating';
  DeletionDate?: number;
  ValidTo?: number;
  Origin?: 'AWS_KMS' | 'EXTERNAL' | 'AWS_CLOUDHSM' | 'EXTERNAL_KEY_STORE';
  CustomKeyStoreId?: string;
  CloudHsmClusterId?: string;
  ExpirationModel?: 'KEY_MATERIAL_EXPIRES' | 'KEY_MATERIAL_DOES_NOT_EXPIRE';
  KeyManager?: 'AWS' | 'CUSTOMER';
  CustomerMasterKeySpec?: 'RSA_2048' | 'RSA_3072' | 'RSA_4096' | 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'ECC_NIST_P521' | 'ECC_SECG_P256K1' | 'SYMMETRIC_DEFAULT' | 'HMAC_224' | 'HMAC_256' | 'HMAC_384' | 'HMAC_512' | 'SM2';
  KeySpec?: 'RSA_2048' | 'RSA_3072' | 'RSA_4096' | 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'ECC_NIST_P521' | 'ECC_SECG_P256K1' | 'SYMMETRIC_DEFAULT' | 'HMAC_224' | 'HMAC_256' | 'HMAC_384' | 'HMAC_512' | 'SM2' | 'ML_DSA_44' | 'ML_DSA_65' | 'ML_DSA_87' | 'ECC_NIST_EDWARDS25519' | 'ML_KEM_512' | 'ML_KEM_768' | 'ML_KEM_1024';
  EncryptionAlgorithms?: ('SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE')[];
  SigningAlgorithms?: ('RSASSA_PSS_SHA_256' | 'RSASSA_PSS_SHA_384' | 'RSASSA_PSS_SHA_512' | 'RSASSA_PKCS1_V1_5_SHA_256' | 'RSASSA_PKCS1_V1_5_SHA_384' | 'RSASSA_PKCS1_V1_5_SHA_512' | 'ECDSA_SHA_256' | 'ECDSA_SHA_384' | 'ECDSA_SHA_512' | 'SM2DSA' | 'ML_DSA_SHAKE_256' | 'ED25519_SHA_512' | 'ED25519_PH_SHA_512')[];
  KeyAgreementAlgorithms?: 'ECDH'[];
  EncapsulationAlgorithms?: 'ML_KEM'[];
  MultiRegion?: boolean;
  MultiRegionConfiguration?: KmsMultiRegionConfiguration;
  PendingDeletionWindowInDays?: number;
  MacAlgorithms?: ('HMAC_SHA_224' | 'HMAC_SHA_256' | 'HMAC_SHA_384' | 'HMAC_SHA_512')[];
  XksKeyConfiguration?: KmsXksKeyConfigurationType;
  CurrentKeyMaterialId?: string;
}

export interface KmsListAliasesRequest {
  KeyId?: string;
  Limit?: number;
  Marker?: string;
}

export interface KmsListAliasesResponse {
  Aliases?: KmsAliasListEntry[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsListGrantsRequest {
  Limit?: number;
  Marker?: string;
  KeyId: string;
  GrantId?: string;
  GranteePrincipal?: string;
  GranteeServicePrincipal?: string;
}

export interface KmsListGrantsResponse {
  Grants?: KmsGrantListEntry[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsListKeyPoliciesRequest {
  KeyId: string;
  Limit?: number;
  Marker?: string;
}

export interface KmsListKeyPoliciesResponse {
  PolicyNames?: string[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsListKeyRotationsRequest {
  KeyId: string;
  IncludeKeyMaterial?: 'ALL_KEY_MATERIAL' | 'ROTATIONS_ONLY';
  Limit?: number;
  Marker?: string;
}

export interface KmsListKeyRotationsResponse {
  Rotations?: KmsRotationsListEntry[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsListKeysRequest {
  Limit?: number;
  Marker?: string;
  ResourceOwners?: ('SELF' | 'OTHER_ACCOUNTS_VIA_RAM')[];
}

export interface KmsListKeysResponse {
  Keys?: KmsKeyListEntry[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsListResourceTagsRequest {
  KeyId: string;
  Limit?: number;
  Marker?: string;
}

export interface KmsListResourceTagsResponse {
  Tags?: KmsTag[];
  NextMarker?: string;
  Truncated?: boolean;
}

export interface KmsMultiRegionConfiguration {
  MultiRegionKeyType?: 'PRIMARY' | 'REPLICA';
  PrimaryKey?: KmsMultiRegionKey;
  ReplicaKeys?: KmsMultiRegionKey[];
}

export interface KmsMultiRegionKey {
  Arn?: string;
  Region?: string;
}

export interface KmsPutKeyPolicyRequest {
  KeyId: string;
  PolicyName?: string;
  Policy: string;
  BypassPolicyLockoutSafetyCheck?: boolean;
}

export interface KmsReEncryptRequest {
  CiphertextBlob?: string;
  SourceEncryptionContext?: Record<string, string>;
  SourceKeyId?: string;
  DestinationKeyId: string;
  DestinationEncryptionContext?: Record<string, string>;
  SourceEncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  DestinationEncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  GrantTokens?: string[];
  DryRun?: boolean;
  DryRunModifiers?: 'IGNORE_CIPHERTEXT'[];
}

export interface KmsReEncryptResponse {
  CiphertextBlob?: string;
  SourceKeyId?: string;
  KeyId?: string;
  SourceEncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  DestinationEncryptionAlgorithm?: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE';
  SourceKeyMaterialId?: string;
  DestinationKeyMaterialId?: string;
}

export interface KmsRecipientInfo {
  KeyEncryptionAlgorithm?: 'RSAES_OAEP_SHA_256';
  AttestationDocument?: string;
}

export interface KmsRetireGrantRequest {
  GrantToken?: string;
  KeyId?: string;
  GrantId?: string;
  DryRun?: boolean;
}

export interface KmsRevokeGrantRequest {
  KeyId: string;
  GrantId: string;
  DryRun?: boolean;
}

export interface KmsRotateKeyOnDemandRequest {
  KeyId: string;
}

export interface KmsRotateKeyOnDemandResponse {
  KeyId?: string;
}

export interface KmsRotationsListEntry {
  KeyId?: string;
  KeyMaterialId?: string;
  KeyMaterialDescription?: string;
  ImportState?: 'IMPORTED' | 'PENDING_IMPORT';
  KeyMaterialState?: 'NON_CURRENT' | 'CURRENT' | 'PENDING_ROTATION' | 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION';
  ExpirationModel?: 'KEY_MATERIAL_EXPIRES' | 'KEY_MATERIAL_DOES_NOT_EXPIRE';
  ValidTo?: number;
  RotationDate?: number;
  RotationType?: 'AUTOMATIC' | 'ON_DEMAND';
}

export interface KmsScheduleKeyDeletionRequest {
  KeyId: string;
  PendingWindowInDays?: number;
}

export interface KmsScheduleKeyDeletionResponse {
  KeyId?: string;
  DeletionDate?: number;
  KeyState?: 'Creating' | 'Enabled' | 'Disabled' | 'PendingDeletion' | 'PendingImport' | 'PendingReplicaDeletion' | 'Unavailable' | 'Updating';
  PendingWindowInDays?: number;
}

export interface KmsTag {
  TagKey: string;
  TagValue: string;
}

export interface KmsTagResourceRequest {
  KeyId: string;
  Tags: KmsTag[];
}

export interface KmsUntagResourceRequest {
  KeyId: string;
  TagKeys: string[];
}

export interface KmsUpdateAliasRequest {
  AliasName: string;
  TargetKeyId: string;
}

export interface KmsUpdateKeyDescriptionRequest {
  KeyId: string;
  Description: string;
}

export interface KmsXksKeyConfigurationType {
  Id?: string;
}

export interface SsmAccountSharingInfo {
  AccountId?: string;
  SharedDocumentVersion?: string;
}

export interface SsmActivation {
  ActivationId?: string;
  Description?: string;
  DefaultInstanceName?: string;
  IamRole?: string;
  RegistrationLimit?: number;
  RegistrationsCount?: number;
  ExpirationDate?: number;
  Expired?: boolean;
  CreatedDate?: number;
  Tags?: SsmTag[];
}

export interface SsmAddTagsToResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
  Tags: SsmTag[];
}

export interface SsmAttachmentContent {
  Name?: string;
  Size?: number;
  Hash?: string;
  HashType?: 'Sha256';
  Url?: string;
}

export interface SsmAttachmentInformation {
  Name?: string;
}

export interface SsmAttachmentsSource {
  Key?: 'SourceUrl' | 'S3FileUrl' | 'AttachmentReference';
  Values?: string[];
  Name?: string;
}

export interface SsmCreateActivationRequest {
  Description?: string;
  DefaultInstanceName?: string;
  IamRole: string;
  RegistrationLimit?: number;
  ExpirationDate?: number;
  Tags?: SsmTag[];
  RegistrationMetadata?: SsmRegistrationMetadataItem[];
}

export interface SsmCreateActivationResult {
  ActivationId?: string;
  ActivationCode?: string;
}

export interface SsmCreateDocumentRequest {
  Content: string;
  Requires?: SsmDocumentRequires[];
  Attachments?: SsmAttachmentsSource[];
  Name: string;
  DisplayName?: string;
  VersionName?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
}

export interface SsmCreateDocumentResult {
  DocumentDescription?: SsmDocumentDescription;
}

export interface SsmCredentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  ExpirationTime: number;
}

export interface SsmDeleteActivationRequest {
  ActivationId: string;
}

export interface SsmDeleteDocumentRequest {
  Name: string;
  DocumentVersion?: string;
  VersionName?: string;
  Force?: boolean;
}

export interface SsmDeregisterManagedInstanceRequest {
  InstanceId: string;
}

export interface SsmDescribeActivationsFilter {
  FilterKey?: 'ActivationIds' | 'DefaultInstanceName' | 'IamRole';
  FilterValues?: string[];
}

export interface SsmDescribeActivationsRequest {
  Filters?: SsmDescribeActivationsFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeActivationsResult {
  ActivationList?: SsmActivation[];
  NextToken?: string;
}

export interface SsmDescribeDocumentPermissionRequest {
  Name: string;
  PermissionType: 'Share';
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeDocumentPermissionResponse {
  AccountIds?: string[];
  AccountSharingInfoList?: SsmAccountSharingInfo[];
  NextToken?: string;
}

export interface SsmDescribeDocumentRequest {
  Name: string;
  DocumentVersion?: string;
  VersionName?: string;
}

export interface SsmDescribeDocumentResult {
  Document?: SsmDocumentDescription;
}

export interface SsmDescribeInstanceInformationRequest {
  InstanceInformationFilterList?: SsmInstanceInformationFilter[];
  Filters?: SsmInstanceInformationStringFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeInstanceInformationResult {
  InstanceInformationList?: SsmInstanceInformation[];
  NextToken?: string;
}

export interface SsmDescribeOpsItemsRequest {
  OpsItemFilters?: SsmOpsItemFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeOpsItemsResponse {
  NextToken?: string;
  OpsItemSummaries?: SsmOpsItemSummary[];
}

export interface SsmDescribeSessionsRequest {
  State: 'Active' | 'History';
  MaxResults?: number;
  NextToken?: string;
  Filters?: SsmSessionFilter[];
}

export interface SsmDescribeSessionsResponse {
  Sessions?: SsmSession[];
  NextToken?: string;
}

export interface SsmDocumentDefaultVersionDescription {
  Name?: string;
  DefaultVersion?: string;
  DefaultVersionName?: string;
}

export interface SsmDocumentDescription {
  Sha1?: string;
  Hash?: string;
  HashType?: 'Sha256' | 'Sha1';
  Name?: string;
  DisplayName?: string;
  VersionName?: string;
  Owner?: string;
  CreatedDate?: number;
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  DocumentVersion?: string;
  Description?: string;
  Parameters?: SsmDocumentParameter[];
  PlatformTypes?: ('Windows' | 'Linux' | 'MacOS')[];
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  SchemaVersion?: string;
  LatestVersion?: string;
  DefaultVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
  AttachmentsInformation?: SsmAttachmentInformation[];
  Requires?: SsmDocumentRequires[];
  Author?: string;
  ReviewInformation?: SsmReviewInformation[];
  ApprovedVersion?: string;
  PendingReviewVersion?: string;
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Category?: string[];
  CategoryEnum?: string[];
}

export interface SsmDocumentFilter {
  key: 'Name' | 'Owner' | 'PlatformTypes' | 'DocumentType';
  value: string;
}

export interface SsmDocumentIdentifier {
  Name?: string;
  CreatedDate?: number;
  DisplayName?: string;
  Owner?: string;
  VersionName?: string;
  PlatformTypes?: ('Windows' | 'Linux' | 'MacOS')[];
  DocumentVersion?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  SchemaVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
  Requires?: SsmDocumentRequires[];
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Author?: string;
}

export interface SsmDocumentKeyValuesFilter {
  Key?: string;
  Values?: string[];
}

export interface SsmDocumentParameter {
  Name?: string;
  Type?: 'String' | 'StringList';
  Description?: string;
  DefaultValue?: string;
}

export interface SsmDocumentRequires {
  Name: string;
  Version?: string;
  RequireType?: string;
  VersionName?: string;
}

export interface SsmDocumentVersionInfo {
  Name?: string;
  DisplayName?: string;
  DocumentVersion?: string;
  VersionName?: string;
  CreatedDate?: number;
  IsDefaultVersion?: boolean;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
}

export interface SsmGetAccessTokenRequest {
  AccessRequestId: string;
}

export interface SsmGetAccessTokenResponse {
  Credentials?: SsmCredentials;
  AccessRequestStatus?: 'Approved' | 'Rejected' | 'Revoked' | 'Expired' | 'Pending';
}

export interface SsmGetConnectionStatusRequest {
  Target: string;
}

export interface SsmGetConnectionStatusResponse {
  Target?: string;
  Status?: 'connected' | 'notconnected';
}

export interface SsmGetDocumentRequest {
  Name: string;
  VersionName?: string;
  DocumentVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
}

export interface SsmGetDocumentResult {
  Name?: string;
  CreatedDate?: number;
  DisplayName?: string;
  VersionName?: string;
  DocumentVersion?: string;
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  Content?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  Requires?: SsmDocumentRequires[];
  AttachmentsContent?: SsmAttachmentContent[];
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
}

export interface SsmGetInventoryRequest {
  Filters?: SsmInventoryFilter[];
  Aggregators?: SsmInventoryAggregator[];
  ResultAttributes?: SsmResultAttribute[];
  NextToken?: string;
  MaxResults?: number;
}

export interface SsmGetInventoryResult {
  Entities?: SsmInventoryResultEntity[];
  NextToken?: string;
}

export interface SsmGetOpsItemRequest {
  OpsItemId: string;
  OpsItemArn?: string;
}

export interface SsmGetOpsItemResponse {
  OpsItem?: SsmOpsItem;
}

export interface SsmInstanceAggregatedAssociationOverview {
  DetailedStatus?: string;
  InstanceAssociationStatusAggregatedCount?: Record<string, number>;
}

export interface SsmInstanceInformation {
  InstanceId?: string;
  PingStatus?: 'Online' | 'ConnectionLost' | 'Inactive';
  LastPingDateTime?: number;
  AgentVersion?: string;
  IsLatestVersion?: boolean;
  PlatformType?: 'Windows' | 'Linux' | 'MacOS';
  PlatformName?: string;
  PlatformVersion?: string;
  ActivationId?: string;
  IamRole?: string;
  RegistrationDate?: number;
  ResourceType?: 'ManagedInstance' | 'EC2Instance';
  Name?: string;
  IPAddress?: string;
  ComputerName?: string;
  AssociationStatus?: string;
  LastAssociationExecutionDate?: number;
  LastSuccessfulAssociationExecutionDate?: number;
  AssociationOverview?: SsmInstanceAggregatedAssociationOverview;
  SourceId?: string;
  SourceType?: 'AWS::EC2::Instance' | 'AWS::IoT::Thing' | 'AWS::SSM::ManagedInstance' | 'Microsoft.Compute/virtualMachines' | 'compute.googleapis.com/Instance';
  SourceLocation?: string;
}

export interface SsmInstanceInformationFilter {
  key: 'InstanceIds' | 'AgentVersion' | 'PingStatus' | 'PlatformTypes' | 'ActivationIds' | 'IamRole' | 'ResourceType' | 'AssociationStatus';
  valueSet: string[];
}

export interface SsmInstanceInformationStringFilter {
  Key: string;
  Values: string[];
}

export interface SsmInventoryAggregator {
}

export interface SsmInventoryFilter {
  Key: string;
  Values: string[];
  Type?: 'Equal' | 'NotEqual' | 'BeginWith' | 'LessThan' | 'GreaterThan' | 'Exists';
}

export interface SsmInventoryResultEntity {
  Id?: string;
  Data?: Record<string, SsmInventoryResultItem>;
}

export interface SsmInventoryResultItem {
  TypeName: string;
  SchemaVersion: string;
  CaptureTime?: string;
  ContentHash?: string;
  Content: Record<string, string>[];
}

export interface SsmListDocumentVersionsRequest {
  Name: string;
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmListDocumentVersionsResult {
  DocumentVersions?: SsmDocumentVersionInfo[];
  NextToken?: string;
}

export interface SsmListDocumentsRequest {
  DocumentFilterList?: SsmDocumentFilter[];
  Filters?: SsmDocumentKeyValuesFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmListDocumentsResult {
  DocumentIdentifiers?: SsmDocumentIdentifier[];
  NextToken?: string;
}

export interface SsmListTagsForResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
}

export interface SsmListTagsForResourceResult {
  TagList?: SsmTag[];
}

export interface SsmOpsItem {
  CreatedBy?: string;
  OpsItemType?: string;
  CreatedTime?: number;
  Description?: string;
  LastModifiedBy?: string;
  LastModifiedTime?: number;
  Notifications?: SsmOpsItemNotification[];
  Priority?: number;
  RelatedOpsItems?: SsmRelatedOpsItem[];
  Status?: 'Open' | 'InProgress' | 'Resolved' | 'Pending' | 'TimedOut' | 'Cancelling' | 'Cancelled' | 'Failed' | 'CompletedWithSuccess' | 'CompletedWithFailure' | 'Scheduled' | 'RunbookInProgress' | 'PendingChangeCalendarOverride' | 'ChangeCalendarOverrideApproved' | 'ChangeCalendarOverrideRejected' | 'PendingApproval' | 'Approved' | 'Revoked' | 'Rejected' | 'Closed';
  OpsItemId?: string;
  Version?: string;
  Title?: string;
  Source?: string;
  OperationalData?: Record<string, SsmOpsItemDataValue>;
  Category?: string;
  Severity?: string;
  ActualStartTime?: number;
  ActualEndTime?: number;
  PlannedStartTime?: number;
  PlannedEndTime?: number;
  OpsItemArn?: string;
}

export interface SsmOpsItemDataValue {
  Value?: string;
  Type?: 'SearchableString' | 'String';
}

export interface SsmOpsItemFilter {
  Key: 'Status' | 'CreatedBy' | 'Source' | 'Priority' | 'Title' | 'OpsItemId' | 'CreatedTime' | 'LastModifiedTime' | 'ActualStartTime' | 'ActualEndTime' | 'PlannedStartTime' | 'PlannedEndTime' | 'OperationalData' | 'OperationalDataKey' | 'OperationalDataValue' | 'ResourceId' | 'AutomationId' | 'Category' | 'Severity' | 'OpsItemType' | 'AccessRequestByRequesterArn' | 'AccessRequestByRequesterId' | 'AccessRequestByApproverArn' | 'AccessRequestByApproverId' | 'AccessRequestBySourceAccountId' | 'AccessRequestBySourceOpsItemId' | 'AccessRequestBySourceRegion' | 'AccessRequestByIsReplica' | 'AccessRequestByTargetResourceId' | 'ChangeRequestByRequesterArn' | 'ChangeRequestByRequesterName' | 'ChangeRequestByApproverArn' | 'ChangeRequestByApproverName' | 'ChangeRequestByTemplate' | 'ChangeRequestByTargetsResourceGroup' | 'InsightByType' | 'AccountId';
  Values: string[];
  Operator: 'Equal' | 'Contains' | 'GreaterThan' | 'LessThan';
}

export interface SsmOpsItemNotification {
  Arn?: string;
}

export interface SsmOpsItemSummary {
  CreatedBy?: string;
  CreatedTime?: number;
  LastModifiedBy?: string;
  LastModifiedTime?: number;
  Priority?: number;
  Source?: string;
  Status?: 'Open' | 'InProgress' | 'Resolved' | 'Pending' | 'TimedOut' | 'Cancelling' | 'Cancelled' | 'Failed' | 'CompletedWithSuccess' | 'CompletedWithFailure' | 'Scheduled' | 'RunbookInProgress' | 'PendingChangeCalendarOverride' | 'ChangeCalendarOverrideApproved' | 'ChangeCalendarOverrideRejected' | 'PendingApproval' | 'Approved' | 'Revoked' | 'Rejected' | 'Closed';
  OpsItemId?: string;
  Title?: string;
  OperationalData?: Record<string, SsmOpsItemDataValue>;
  Category?: string;
  Severity?: string;
  OpsItemType?: string;
  ActualStartTime?: number;
  ActualEndTime?: number;
  PlannedStartTime?: number;
  PlannedEndTime?: number;
}

export interface SsmRegistrationMetadataItem {
  Key: string;
  Value: string;
}

export interface SsmRelatedOpsItem {
  OpsItemId: string;
}

export interface SsmRemoveTagsFromResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
  TagKeys: string[];
}

export interface SsmResultAttribute {
  TypeName: string;
}

export interface SsmResumeSessionRequest {
  SessionId: string;
}

export interface SsmResumeSessionResponse {
  SessionId?: string;
  TokenValue?: string;
  StreamUrl?: string;
}

export interface SsmReviewInformation {
  ReviewedTime?: number;
  Status?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Reviewer?: string;
}

export interface SsmSendAutomationSignalRequest {
  AutomationExecutionId: string;
  SignalType: 'Approve' | 'Reject' | 'StartStep' | 'StopStep' | 'Resume' | 'Revoke';
  Payload?: Record<string, string[]>;
}

export interface SsmSession {
  SessionId?: string;
  Target?: string;
  Status?: 'Connected' | 'Connecting' | 'Disconnected' | 'Terminated' | 'Terminating' | 'Failed';
  StartDate?: number;
  EndDate?: number;
  DocumentName?: string;
  Owner?: string;
  Reason?: string;
  Details?: string;
  OutputUrl?: SsmSessionManagerOutputUrl;
  MaxSessionDuration?: string;
  AccessType?: 'Standard' | 'JustInTime';
}

export interface SsmSessionFilter {
  key: string;
  value: string;
}

export interface SsmSessionManagerOutputUrl {
  S3OutputUrl?: string;
  CloudWatchOutputUrl?: string;
}

export interface SsmStartAccessRequestRequest {
  Reason: string;
  Targets: SsmTarget[];
  Tags?: SsmTag[];
}

export interface SsmStartAccessRequestResponse {
  AccessRequestId?: string;
}

export interface SsmStartSessionRequest {
  Target: string;
  DocumentName?: string;
  Reason?: string;
  Parameters?: Record<string, string[]>;
}

export interface SsmStartSessionResponse {
  SessionId?: string;
  TokenValue?: string;
  StreamUrl?: string;
}

export interface SsmTag {
  Key: string;
  Value: string;
}

export interface SsmTarget {
  Key?: string;
  Values?: string[];
}

export interface SsmTerminateSessionRequest {
  SessionId: string;
}

export interface SsmTerminateSessionResponse {
  SessionId?: string;
}

export interface SsmUpdateDocumentDefaultVersionRequest {
  Name: string;
  DocumentVersion: string;
}

export interface SsmUpdateDocumentDefaultVersionResult {
  Description?: SsmDocumentDefaultVersionDescription;
}

export interface SsmUpdateDocumentRequest {
  Content: string;
  Attachments?: SsmAttachmentsSource[];
  Name: string;
  DisplayName?: string;
  VersionName?: string;
  DocumentVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
}

export interface SsmUpdateDocumentResult {
  DocumentDescription?: SsmDocumentDescription;
}

export interface SsmUpdateManagedInstanceRoleRequest {
  InstanceId: string;
  IamRole: string;
}

export interface StsGetCallerIdentityResponse {
  UserId?: string;
  Account?: string;
  Arn?: string;
}

export interface Operations {
  'cloudtrail/LookupEvents': { input: CloudtrailLookupEventsRequest; output: CloudtrailLookupEventsResponse };
  'ec2/DescribeInstances': { input: Ec2DescribeInstancesRequest; output: Ec2DescribeInstancesResult };
  'ferryman/CheckSessionLogDestinations': { input: FerrymanCheckSessionLogDestinationsRequest; output: FerrymanCheckSessionLogDestinationsResponse };
  'ferryman/CreateInvitation': { input: FerrymanCreateInvitationRequest; output: FerrymanCreateInvitationResult };
  'ferryman/DeleteInvitation': { input: FerrymanDeleteInvitationRequest; output: Record<string, never> };
  'ferryman/DeleteRecording': { input: FerrymanDeleteRecordingRequest; output: FerrymanDeleteRecordingResponse };
  'ferryman/DeleteRecordingHold': { input: FerrymanDeleteRecordingHoldRequest; output: FerrymanDeleteRecordingHoldResponse };
  'ferryman/GetAuditTrailStatus': { input: Record<string, never>; output: FerrymanGetAuditTrailStatusResponse };
  'ferryman/GetRecording': { input: FerrymanGetRecordingRequest; output: FerrymanGetRecordingResponse };
  'ferryman/GetRecordingEvents': { input: FerrymanGetRecordingEventsRequest; output: FerrymanGetRecordingEventsResponse };
  'ferryman/ListInvitations': { input: FerrymanListInvitationsRequest; output: FerrymanListInvitationsResult };
  'ferryman/ListRecordings': { input: FerrymanListRecordingsRequest; output: FerrymanListRecordingsResponse };
  'ferryman/ListWatchers': { input: FerrymanListWatchersRequest; output: FerrymanListWatchersResponse };
  'ferryman/PutRecordingHold': { input: FerrymanPutRecordingHoldRequest; output: FerrymanPutRecordingHoldResponse };
  'ferryman/SearchRecordings': { input: FerrymanSearchRecordingsRequest; output: FerrymanSearchRecordingsResponse };
  'ferryman/VerifyRecording': { input: FerrymanVerifyRecordingRequest; output: FerrymanVerifyRecordingResponse };
  'ferryman/WatchSession': { input: FerrymanWatchSessionRequest; output: FerrymanWatchSessionResponse };
  'iam/AddClientIDToOpenIDConnectProvider': { input: IamAddClientIDToOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/AddUserToGroup': { input: IamAddUserToGroupRequest; output: Record<string, never> };
  'iam/AttachGroupPolicy': { input: IamAttachGroupPolicyRequest; output: Record<string, never> };
  'iam/AttachRolePolicy': { input: IamAttachRolePolicyRequest; output: Record<string, never> };
  'iam/AttachUserPolicy': { input: IamAttachUserPolicyRequest; output: Record<string, never> };
  'iam/CreateAccessKey': { input: IamCreateAccessKeyRequest; output: IamCreateAccessKeyResponse };
  'iam/CreateGroup': { input: IamCreateGroupRequest; output: IamCreateGroupResponse };
  'iam/CreateOpenIDConnectProvider': { input: IamCreateOpenIDConnectProviderRequest; output: IamCreateOpenIDConnectProviderResponse };
  'iam/CreatePolicy': { input: IamCreatePolicyRequest; output: IamCreatePolicyResponse };
  'iam/CreatePolicyVersion': { input: IamCreatePolicyVersionRequest; output: IamCreatePolicyVersionResponse };
  'iam/CreateRole': { input: IamCreateRoleRequest; output: IamCreateRoleResponse };
  'iam/CreateUser': { input: IamCreateUserRequest; output: IamCreateUserResponse };
  'iam/DeleteAccessKey': { input: IamDeleteAccessKeyRequest; output: Record<string, never> };
  'iam/DeleteGroup': { input: IamDeleteGroupRequest; output: Record<string, never> };
  'iam/DeleteGroupPolicy': { input: IamDeleteGroupPolicyRequest; output: Record<string, never> };
  'iam/DeleteLoginProfile': { input: IamDeleteLoginProfileRequest; output: Record<string, never> };
  'iam/DeleteOpenIDConnectProvider': { input: IamDeleteOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/DeletePolicy': { input: IamDeletePolicyRequest; output: Record<string, never> };
  'iam/DeletePolicyVersion': { input: IamDeletePolicyVersionRequest; output: Record<string, never> };
  'iam/DeleteRole': { input: IamDeleteRoleRequest; output: Record<string, never> };
  'iam/DeleteRolePermissionsBoundary': { input: IamDeleteRolePermissionsBoundaryRequest; output: Record<string, never> };
  'iam/DeleteRolePolicy': { input: IamDeleteRolePolicyRequest; output: Record<string, never> };
  'iam/DeleteUser': { input: IamDeleteUserRequest; output: Record<string, never> };
  'iam/DeleteUserPermissionsBoundary': { input: IamDeleteUserPermissionsBoundaryRequest; output: Record<string, never> };
  'iam/DeleteUserPolicy': { input: IamDeleteUserPolicyRequest; output: Record<string, never> };
  'iam/DetachGroupPolicy': { input: IamDetachGroupPolicyRequest; output: Record<string, never> };
  'iam/DetachRolePolicy': { input: IamDetachRolePolicyRequest; output: Record<string, never> };
  'iam/DetachUserPolicy': { input: IamDetachUserPolicyRequest; output: Record<string, never> };
  'iam/GetAccessKeyLastUsed': { input: IamGetAccessKeyLastUsedRequest; output: IamGetAccessKeyLastUsedResponse };
  'iam/GetAccountAuthorizationDetails': { input: IamGetAccountAuthorizationDetailsRequest; output: IamGetAccountAuthorizationDetailsResponse };
  'iam/GetAccountSummary': { input: Record<string, never>; output: IamGetAccountSummaryResponse };
  'iam/GetContextKeysForCustomPolicy': { input: IamGetContextKeysForCustomPolicyRequest; output: IamGetContextKeysForPolicyResponse };
  'iam/GetContextKeysForPrincipalPolicy': { input: IamGetContextKeysForPrincipalPolicyRequest; output: IamGetContextKeysForPolicyResponse };
  'iam/GetGroup': { input: IamGetGroupRequest; output: IamGetGroupResponse };
  'iam/GetGroupPolicy': { input: IamGetGroupPolicyRequest; output: IamGetGroupPolicyResponse };
  'iam/GetLoginProfile': { input: IamGetLoginProfileRequest; output: IamGetLoginProfileResponse };
  'iam/GetOpenIDConnectProvider': { input: IamGetOpenIDConnectProviderRequest; output: IamGetOpenIDConnectProviderResponse };
  'iam/GetPolicy': { input: IamGetPolicyRequest; output: IamGetPolicyResponse };
  'iam/GetPolicyVersion': { input: IamGetPolicyVersionRequest; output: IamGetPolicyVersionResponse };
  'iam/GetRole': { input: IamGetRoleRequest; output: IamGetRoleResponse };
  'iam/GetRolePolicy': { input: IamGetRolePolicyRequest; output: IamGetRolePolicyResponse };
  'iam/GetUser': { input: IamGetUserRequest; output: IamGetUserResponse };
  'iam/GetUserPolicy': { input: IamGetUserPolicyRequest; output: IamGetUserPolicyResponse };
  'iam/ListAccessKeys': { input: IamListAccessKeysRequest; output: IamListAccessKeysResponse };
  'iam/ListAccountAliases': { input: IamListAccountAliasesRequest; output: IamListAccountAliasesResponse };
  'iam/ListAttachedGroupPolicies': { input: IamListAttachedGroupPoliciesRequest; output: IamListAttachedGroupPoliciesResponse };
  'iam/ListAttachedRolePolicies': { input: IamListAttachedRolePoliciesRequest; output: IamListAttachedRolePoliciesResponse };
  'iam/ListAttachedUserPolicies': { input: IamListAttachedUserPoliciesRequest; output: IamListAttachedUserPoliciesResponse };
  'iam/ListEntitiesForPolicy': { input: IamListEntitiesForPolicyRequest; output: IamListEntitiesForPolicyResponse };
  'iam/ListGroupPolicies': { input: IamListGroupPoliciesRequest; output: IamListGroupPoliciesResponse };
  'iam/ListGroups': { input: IamListGroupsRequest; output: IamListGroupsResponse };
  'iam/ListGroupsForUser': { input: IamListGroupsForUserRequest; output: IamListGroupsForUserResponse };
  'iam/ListInstanceProfilesForRole': { input: IamListInstanceProfilesForRoleRequest; output: IamListInstanceProfilesForRoleResponse };
  'iam/ListMFADevices': { input: IamListMFADevicesRequest; output: IamListMFADevicesResponse };
  'iam/ListOpenIDConnectProviderTags': { input: IamListOpenIDConnectProviderTagsRequest; output: IamListOpenIDConnectProviderTagsResponse };
  'iam/ListOpenIDConnectProviders': { input: Record<string, never>; output: IamListOpenIDConnectProvidersResponse };
  'iam/ListPolicies': { input: IamListPoliciesRequest; output: IamListPoliciesResponse };
  'iam/ListPolicyTags': { input: IamListPolicyTagsRequest; output: IamListPolicyTagsResponse };
  'iam/ListPolicyVersions': { input: IamListPolicyVersionsRequest; output: IamListPolicyVersionsResponse };
  'iam/ListRolePolicies': { input: IamListRolePoliciesRequest; output: IamListRolePoliciesResponse };
  'iam/ListRoleTags': { input: IamListRoleTagsRequest; output: IamListRoleTagsResponse };
  'iam/ListRoles': { input: IamListRolesRequest; output: IamListRolesResponse };
  'iam/ListSSHPublicKeys': { input: IamListSSHPublicKeysRequest; output: IamListSSHPublicKeysResponse };
  'iam/ListServiceSpecificCredentials': { input: IamListServiceSpecificCredentialsRequest; output: IamListServiceSpecificCredentialsResponse };
  'iam/ListSigningCertificates': { input: IamListSigningCertificatesRequest; output: IamListSigningCertificatesResponse };
  'iam/ListUserPolicies': { input: IamListUserPoliciesRequest; output: IamListUserPoliciesResponse };
  'iam/ListUserTags': { input: IamListUserTagsRequest; output: IamListUserTagsResponse };
  'iam/ListUsers': { input: IamListUsersRequest; output: IamListUsersResponse };
  'iam/ListVirtualMFADevices': { input: IamListVirtualMFADevicesRequest; output: IamListVirtualMFADevicesResponse };
  'iam/PutGroupPolicy': { input: IamPutGroupPolicyRequest; output: Record<string, never> };
  'iam/PutRolePermissionsBoundary': { input: IamPutRolePermissionsBoundaryRequest; output: Record<string, never> };
  'iam/PutRolePolicy': { input: IamPutRolePolicyRequest; output: Record<string, never> };
  'iam/PutUserPermissionsBoundary': { input: IamPutUserPermissionsBoundaryRequest; output: Record<string, never> };
  'iam/PutUserPolicy': { input: IamPutUserPolicyRequest; output: Record<string, never> };
  'iam/RemoveClientIDFromOpenIDConnectProvider': { input: IamRemoveClientIDFromOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/RemoveUserFromGroup': { input: IamRemoveUserFromGroupRequest; output: Record<string, never> };
  'iam/SetDefaultPolicyVersion': { input: IamSetDefaultPolicyVersionRequest; output: Record<string, never> };
  'iam/SimulateCustomPolicy': { input: IamSimulateCustomPolicyRequest; output: IamSimulatePolicyResponse };
  'iam/SimulatePrincipalPolicy': { input: IamSimulatePrincipalPolicyRequest; output: IamSimulatePolicyResponse };
  'iam/TagOpenIDConnectProvider': { input: IamTagOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/TagPolicy': { input: IamTagPolicyRequest; output: Record<string, never> };
  'iam/TagRole': { input: IamTagRoleRequest; output: Record<string, never> };
  'iam/TagUser': { input: IamTagUserRequest; output: Record<string, never> };
  'iam/UntagOpenIDConnectProvider': { input: IamUntagOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/UntagPolicy': { input: IamUntagPolicyRequest; output: Record<string, never> };
  'iam/UntagRole': { input: IamUntagRoleRequest; output: Record<string, never> };
  'iam/UntagUser': { input: IamUntagUserRequest; output: Record<string, never> };
  'iam/UpdateAccessKey': { input: IamUpdateAccessKeyRequest; output: Record<string, never> };
  'iam/UpdateAssumeRolePolicy': { input: IamUpdateAssumeRolePolicyRequest; output: Record<string, never> };
  'iam/UpdateGroup': { input: IamUpdateGroupRequest; output: Record<string, never> };
  'iam/UpdateOpenIDConnectProviderThumbprint': { input: IamUpdateOpenIDConnectProviderThumbprintRequest; output: Record<string, never> };
  'iam/UpdateRole': { input: IamUpdateRoleRequest; output: Record<string, never> };
  'iam/UpdateRoleDescription': { input: IamUpdateRoleDescriptionRequest; output: IamUpdateRoleDescriptionResponse };
  'iam/UpdateUser': { input: IamUpdateUserRequest; output: Record<string, never> };
  'kms/CancelKeyDeletion': { input: KmsCancelKeyDeletionRequest; output: KmsCancelKeyDeletionResponse };
  'kms/CreateAlias': { input: KmsCreateAliasRequest; output: Record<string, never> };
  'kms/CreateGrant': { input: KmsCreateGrantRequest; output: KmsCreateGrantResponse };
  'kms/CreateKey': { input: KmsCreateKeyRequest; output: KmsCreateKeyResponse };
  'kms/Decrypt': { input: KmsDecryptRequest; output: KmsDecryptResponse };
  'kms/DeleteAlias': { input: KmsDeleteAliasRequest; output: Record<string, never> };
  'kms/DescribeKey': { input: KmsDescribeKeyRequest; output: KmsDescribeKeyResponse };
  'kms/DisableKey': { input: KmsDisableKeyRequest; output: Record<string, never> };
  'kms/DisableKeyRotation': { input: KmsDisableKeyRotationRequest; output: Record<string, never> };
  'kms/EnableKey': { input: KmsEnableKeyRequest; output: Record<string, never> };
  'kms/EnableKeyRotation': { input: KmsEnableKeyRotationRequest; output: Record<string, never> };
  'kms/Encrypt': { input: KmsEncryptRequest; output: KmsEncryptResponse };
  'kms/GenerateDataKey': { input: KmsGenerateDataKeyRequest; output: KmsGenerateDataKeyResponse };
  'kms/GenerateDataKeyWithoutPlaintext': { input: KmsGenerateDataKeyWithoutPlaintextRequest; output: KmsGenerateDataKeyWithoutPlaintextResponse };
  'kms/GenerateRandom': { input: KmsGenerateRandomRequest; output: KmsGenerateRandomResponse };
  'kms/GetKeyPolicy': { input: KmsGetKeyPolicyRequest; output: KmsGetKeyPolicyResponse };
  'kms/GetKeyRotationStatus': { input: KmsGetKeyRotationStatusRequest; output: KmsGetKeyRotationStatusResponse };
  'kms/ListAliases': { input: KmsListAliasesRequest; output: KmsListAliasesResponse };
  'kms/ListGrants': { input: KmsListGrantsRequest; output: KmsListGrantsResponse };
  'kms/ListKeyPolicies': { input: KmsListKeyPoliciesRequest; output: KmsListKeyPoliciesResponse };
  'kms/ListKeyRotations': { input: KmsListKeyRotationsRequest; output: KmsListKeyRotationsResponse };
  'kms/ListKeys': { input: KmsListKeysRequest; output: KmsListKeysResponse };
  'kms/ListResourceTags': { input: KmsListResourceTagsRequest; output: KmsListResourceTagsResponse };
  'kms/PutKeyPolicy': { input: KmsPutKeyPolicyRequest; output: Record<string, never> };
  'kms/ReEncrypt': { input: KmsReEncryptRequest; output: KmsReEncryptResponse };
  'kms/RetireGrant': { input: KmsRetireGrantRequest; output: Record<string, never> };
  'kms/RevokeGrant': { input: KmsRevokeGrantRequest; output: Record<string, never> };
  'kms/RotateKeyOnDemand': { input: KmsRotateKeyOnDemandRequest; output: KmsRotateKeyOnDemandResponse };
  'kms/ScheduleKeyDeletion': { input: KmsScheduleKeyDeletionRequest; output: KmsScheduleKeyDeletionResponse };
  'kms/TagResource': { input: KmsTagResourceRequest; output: Record<string, never> };
  'kms/UntagResource': { input: KmsUntagResourceRequest; output: Record<string, never> };
  'kms/UpdateAlias': { input: KmsUpdateAliasRequest; output: Record<string, never> };
  'kms/UpdateKeyDescription': { input: KmsUpdateKeyDescriptionRequest; output: Record<string, never> };
  'ssm/AddTagsToResource': { input: SsmAddTagsToResourceRequest; output: Record<string, never> };
  'ssm/CreateActivation': { input: SsmCreateActivationRequest; output: SsmCreateActivationResult };
  'ssm/CreateDocument': { input: SsmCreateDocumentRequest; output: SsmCreateDocumentResult };
  'ssm/DeleteActivation': { input: SsmDeleteActivationRequest; output: Record<string, never> };
  'ssm/DeleteDocument': { input: SsmDeleteDocumentRequest; output: Record<string, never> };
  'ssm/DeregisterManagedInstance': { input: SsmDeregisterManagedInstanceRequest; output: Record<string, never> };
  'ssm/DescribeActivations': { input: SsmDescribeActivationsRequest; output: SsmDescribeActivationsResult };
  'ssm/DescribeDocument': { input: SsmDescribeDocumentRequest; output: SsmDescribeDocumentResult };
  'ssm/DescribeDocumentPermission': { input: SsmDescribeDocumentPermissionRequest; output: SsmDescribeDocumentPermissionResponse };
  'ssm/DescribeInstanceInformation': { input: SsmDescribeInstanceInformationRequest; output: SsmDescribeInstanceInformationResult };
  'ssm/DescribeOpsItems': { input: SsmDescribeOpsItemsRequest; output: SsmDescribeOpsItemsResponse };
  'ssm/DescribeSessions': { input: SsmDescribeSessionsRequest; output: SsmDescribeSessionsResponse };
  'ssm/GetAccessToken': { input: SsmGetAccessTokenRequest; output: SsmGetAccessTokenResponse };
  'ssm/GetConnectionStatus': { input: SsmGetConnectionStatusRequest; output: SsmGetConnectionStatusResponse };
  'ssm/GetDocument': { input: SsmGetDocumentRequest; output: SsmGetDocumentResult };
  'ssm/GetInventory': { input: SsmGetInventoryRequest; output: SsmGetInventoryResult };
  'ssm/GetOpsItem': { input: SsmGetOpsItemRequest; output: SsmGetOpsItemResponse };
  'ssm/ListDocumentVersions': { input: SsmListDocumentVersionsRequest; output: SsmListDocumentVersionsResult };
  'ssm/ListDocuments': { input: SsmListDocumentsRequest; output: SsmListDocumentsResult };
  'ssm/ListTagsForResource': { input: SsmListTagsForResourceRequest; output: SsmListTagsForResourceResult };
  'ssm/RemoveTagsFromResource': { input: SsmRemoveTagsFromResourceRequest; output: Record<string, never> };
  'ssm/ResumeSession': { input: SsmResumeSessionRequest; output: SsmResumeSessionResponse };
  'ssm/SendAutomationSignal': { input: SsmSendAutomationSignalRequest; output: Record<string, never> };
  'ssm/StartAccessRequest': { input: SsmStartAccessRequestRequest; output: SsmStartAccessRequestResponse };
  'ssm/StartSession': { input: SsmStartSessionRequest; output: SsmStartSessionResponse };
  'ssm/TerminateSession': { input: SsmTerminateSessionRequest; output: SsmTerminateSessionResponse };
  'ssm/UpdateDocument': { input: SsmUpdateDocumentRequest; output: SsmUpdateDocumentResult };
  'ssm/UpdateDocumentDefaultVersion': { input: SsmUpdateDocumentDefaultVersionRequest; output: SsmUpdateDocumentDefaultVersionResult };
  'ssm/UpdateManagedInstanceRole': { input: SsmUpdateManagedInstanceRoleRequest; output: Record<string, never> };
  'sts/GetCallerIdentity': { input: Record<string, never>; output: StsGetCallerIdentityResponse };
}

export type OperationName = keyof Operations;
