/**
 * Restore metadata key, ours since AWS has no name for it: ARN of the registered resource whose server and credentials a restore
 * uses instead of the source's own.
 */
export const TARGET_RESOURCE = 'roleback:TargetResourceArn'
