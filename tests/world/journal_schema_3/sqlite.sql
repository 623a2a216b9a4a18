CREATE TABLE artifacts (
	digest TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (digest)
);

CREATE TABLE code_pins (
	chain_id BIGINT NOT NULL,
	address TEXT NOT NULL,
	code_hash TEXT NOT NULL,
	implementation TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (chain_id, address)
);

CREATE TABLE decisions (
	id INTEGER NOT NULL,
	strategy TEXT NOT NULL,
	chain_id BIGINT NOT NULL,
	block_number BIGINT NOT NULL,
	block_hash TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	action TEXT NOT NULL,
	objections TEXT NOT NULL,
	settings_digest TEXT NOT NULL,
	history_digest TEXT NOT NULL,
	digest TEXT NOT NULL,
	keyframe_id INTEGER,
	body BLOB NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(keyframe_id) REFERENCES decisions (id)
);

CREATE INDEX decisions_of_strategy ON decisions (strategy, id);

CREATE TABLE events (
	id INTEGER NOT NULL,
	strategy TEXT,
	kind TEXT NOT NULL,
	message TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE meta (
	"key" TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY ("key")
);

CREATE TABLE reconciliations (
	chain_id BIGINT NOT NULL,
	owner TEXT NOT NULL,
	strategy TEXT NOT NULL,
	block_number BIGINT NOT NULL,
	block_hash TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	PRIMARY KEY (chain_id, owner, strategy)
);

CREATE TABLE samples (
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	sqrt_price_x96 TEXT NOT NULL,
	fee_growth_global_0_x128 TEXT,
	fee_growth_global_1_x128 TEXT,
	bar_low_tick INTEGER,
	bar_high_tick INTEGER,
	bar_volume_0 TEXT,
	bar_volume_1 TEXT,
	bar_swaps BIGINT,
	PRIMARY KEY (chain_id, pool, timestamp)
);

CREATE TABLE series (
	id INTEGER NOT NULL,
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	sample_seconds BIGINT NOT NULL,
	PRIMARY KEY (id)
);

CREATE UNIQUE INDEX one_series ON series (chain_id, pool, sample_seconds);

CREATE TABLE settings (
	digest TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (digest)
);

CREATE TABLE signers (
	chain_id BIGINT NOT NULL,
	address TEXT NOT NULL,
	state TEXT DEFAULT 'running' NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	first_nonce BIGINT,
	PRIMARY KEY (chain_id, address)
);

CREATE TABLE strategies (
	name TEXT NOT NULL,
	state TEXT DEFAULT 'running' NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	in_transition BOOLEAN DEFAULT false NOT NULL,
	regime_label TEXT,
	regime_since BIGINT,
	last_timestamp BIGINT,
	resumed_plan_id BIGINT DEFAULT 0 NOT NULL,
	accepts_difference BOOLEAN DEFAULT false NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE swaps (
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	block_number BIGINT NOT NULL,
	log_index BIGINT NOT NULL,
	block_hash TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	amount_0 TEXT NOT NULL,
	amount_1 TEXT NOT NULL,
	sqrt_price_x96 TEXT NOT NULL,
	liquidity TEXT NOT NULL,
	tick INTEGER NOT NULL,
	PRIMARY KEY (chain_id, pool, block_number, log_index)
);

CREATE INDEX swaps_by_time ON swaps (chain_id, pool, timestamp);

CREATE TABLE tape_blocks (
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	number BIGINT NOT NULL,
	hash TEXT NOT NULL,
	timestamp BIGINT NOT NULL,
	PRIMARY KEY (chain_id, pool, number)
);

CREATE TABLE tape_marks (
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	block_number BIGINT NOT NULL,
	log_index BIGINT NOT NULL,
	timestamp BIGINT NOT NULL,
	kind TEXT NOT NULL,
	value_0 TEXT NOT NULL,
	value_1 TEXT NOT NULL,
	PRIMARY KEY (chain_id, pool, block_number, log_index)
);

CREATE TABLE tape_segments (
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	from_block BIGINT NOT NULL,
	from_timestamp BIGINT NOT NULL,
	from_parent_hash TEXT NOT NULL,
	to_block BIGINT NOT NULL,
	to_timestamp BIGINT NOT NULL,
	to_hash TEXT NOT NULL,
	is_whole BOOLEAN NOT NULL,
	PRIMARY KEY (chain_id, pool, from_block)
);

CREATE TABLE histories (
	digest TEXT NOT NULL,
	series_id INTEGER NOT NULL,
	runs TEXT NOT NULL,
	PRIMARY KEY (digest),
	FOREIGN KEY(series_id) REFERENCES series (id)
);

CREATE TABLE plans (
	id INTEGER NOT NULL,
	decision_id INTEGER NOT NULL,
	strategy TEXT NOT NULL,
	chain_id BIGINT NOT NULL,
	owner TEXT NOT NULL,
	block_hash TEXT NOT NULL,
	settings_digest TEXT NOT NULL,
	action TEXT NOT NULL,
	deadline_timestamp BIGINT NOT NULL,
	state TEXT NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	act TEXT NOT NULL,
	closed_timestamp BIGINT,
	cost_quote TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(decision_id) REFERENCES decisions (id)
);

CREATE UNIQUE INDEX one_open_plan ON plans (strategy) WHERE state = 'open';

CREATE UNIQUE INDEX one_plan_per_block ON plans (chain_id, strategy, owner, block_hash, settings_digest);

CREATE TABLE series_samples (
	series_id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	timestamp BIGINT NOT NULL,
	sqrt_price_x96 TEXT NOT NULL,
	fee_growth_global_0_x128 TEXT,
	fee_growth_global_1_x128 TEXT,
	bar_low_tick INTEGER,
	bar_high_tick INTEGER,
	bar_volume_0 TEXT,
	bar_volume_1 TEXT,
	bar_swaps BIGINT,
	PRIMARY KEY (series_id, seq),
	FOREIGN KEY(series_id) REFERENCES series (id)
);

CREATE TABLE ledger (
	id INTEGER NOT NULL,
	chain_id BIGINT NOT NULL,
	owner TEXT NOT NULL,
	strategy TEXT NOT NULL,
	plan_id INTEGER,
	kind TEXT NOT NULL,
	token TEXT NOT NULL,
	amount TEXT NOT NULL,
	token_id TEXT,
	transaction_hash TEXT NOT NULL,
	log_index INTEGER NOT NULL,
	block_number BIGINT NOT NULL,
	timestamp BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(plan_id) REFERENCES plans (id)
);

CREATE INDEX ix_ledger_plan_id ON ledger (plan_id);

CREATE INDEX ledger_of_token ON ledger (chain_id, owner, token);

CREATE UNIQUE INDEX one_line_per_log ON ledger (chain_id, owner, transaction_hash, log_index, kind, token);

CREATE TABLE positions (
	id INTEGER NOT NULL,
	chain_id BIGINT NOT NULL,
	pool TEXT NOT NULL,
	token_id TEXT NOT NULL,
	strategy TEXT NOT NULL,
	lower_tick INTEGER NOT NULL,
	upper_tick INTEGER NOT NULL,
	trigger_lower_tick INTEGER NOT NULL,
	trigger_upper_tick INTEGER NOT NULL,
	share_ppm INTEGER NOT NULL,
	liquidity TEXT NOT NULL,
	amount_0 TEXT NOT NULL,
	amount_1 TEXT NOT NULL,
	opened_timestamp BIGINT NOT NULL,
	opened_plan_id INTEGER,
	closed_timestamp BIGINT,
	closed_plan_id INTEGER,
	ending TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(opened_plan_id) REFERENCES plans (id),
	FOREIGN KEY(closed_plan_id) REFERENCES plans (id)
);

CREATE UNIQUE INDEX one_position ON positions (chain_id, pool, token_id);

CREATE INDEX positions_of_strategy ON positions (strategy, closed_timestamp);

CREATE TABLE steps (
	id INTEGER NOT NULL,
	plan_id INTEGER NOT NULL,
	ordinal INTEGER NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(plan_id) REFERENCES plans (id)
);

CREATE UNIQUE INDEX one_step ON steps (plan_id, ordinal);

CREATE TABLE transactions (
	id INTEGER NOT NULL,
	step_id INTEGER NOT NULL,
	chain_id BIGINT NOT NULL,
	sender TEXT NOT NULL,
	nonce BIGINT NOT NULL,
	state TEXT NOT NULL,
	signed_timestamp BIGINT DEFAULT 0 NOT NULL,
	debit_gas_wei TEXT DEFAULT '0' NOT NULL,
	debit_quote TEXT DEFAULT '0' NOT NULL,
	block_number BIGINT,
	block_timestamp BIGINT,
	block_hash TEXT,
	receipt BLOB,
	PRIMARY KEY (id),
	FOREIGN KEY(step_id) REFERENCES steps (id)
);

CREATE UNIQUE INDEX one_transaction_per_nonce ON transactions (chain_id, sender, nonce);

CREATE UNIQUE INDEX one_transaction_per_step ON transactions (step_id);

CREATE INDEX transactions_of_sender ON transactions (chain_id, sender, signed_timestamp);

CREATE TABLE attempts (
	id INTEGER NOT NULL,
	transaction_id INTEGER NOT NULL,
	hash TEXT NOT NULL,
	raw BLOB NOT NULL,
	gas_limit BIGINT NOT NULL,
	max_fee_wei TEXT NOT NULL,
	max_priority_fee_wei TEXT NOT NULL,
	signed_timestamp BIGINT DEFAULT 0 NOT NULL,
	cancels BOOLEAN NOT NULL,
	route TEXT DEFAULT 'public' NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(transaction_id) REFERENCES transactions (id),
	UNIQUE (hash)
);

CREATE INDEX ix_attempts_transaction_id ON attempts (transaction_id);
