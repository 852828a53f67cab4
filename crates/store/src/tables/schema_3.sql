-- How invokes got their environments. Before, all that were not cold were warm.
ALTER TABLE usage_records ADD COLUMN warm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_records ADD COLUMN pooled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_records ADD COLUMN cloned INTEGER NOT NULL DEFAULT 0;
UPDATE usage_records SET warm = 1 - cold;
ALTER TABLE usage_hours ADD COLUMN warm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN pooled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN cloned INTEGER NOT NULL DEFAULT 0;
UPDATE usage_hours SET warm = requests - cold;
