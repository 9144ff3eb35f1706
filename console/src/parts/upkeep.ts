/** What is done to vaults, and to all that is in them, by the types of its jobs. */
export const UPKEEP: Readonly<Record<string, string>> = {
  verify: 'Verify',
  repair: 'Repair',
  sweep: 'Sweep',
  import: 'Import',
  export: 'Export',
  'rotate-key': 'New key',
  'move-point': 'Move to cold storage',
  'delete-point': 'Delete recovery point',
  search: 'Search',
}
