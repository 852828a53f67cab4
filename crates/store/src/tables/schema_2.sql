-- What an invoke sent and got through the machine's network; 0 in rows from before it was counted.
ALTER TABLE usage_records ADD COLUMN connections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_records ADD COLUMN sent_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_records ADD COLUMN received_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN connections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN sent_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_hours ADD COLUMN received_bytes INTEGER NOT NULL DEFAULT 0;

-- A function's network rules as JSON; NULL is none. No update of code or configuration touches it.
ALTER TABLE functions ADD COLUMN egress TEXT;
