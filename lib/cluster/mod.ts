/** Many processes as one job: who they are, how they meet, what becomes of them, and starting them. */
export { type Cluster, clusterFromEnvironment, type Environment, localSize } from "./environment.ts";
export type { Facts, Member } from "./coordinator.ts";
export { joinCluster, type JoinOptions } from "./join.ts";
export { launch, type LaunchOptions } from "./launcher.ts";
export type { Membership } from "./membership.ts";
export { narrow } from "./narrow.ts";
export type { Nodes } from "./nodes.ts";
export type { Json } from "./wire.ts";
