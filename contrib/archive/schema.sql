-- The archive's tables. The consumer runs this file if there is no table flows.

-- For an index over a text and a range. The extension is one of PostgreSQL's contrib modules.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- A row for each message that brought flows.
CREATE TABLE messages (
    id     text        NOT NULL, -- the AMQP property message_id
    body   bytea       NOT NULL, -- SHA-256 of the body, uncompressed
    log    text        NOT NULL, -- the id up to its last @: sensor, instance, directory and log
    bytes  int8range   NOT NULL, -- the bytes of that log that the message covers
    flows  bytea       NOT NULL, -- for each flow that the message brought, the first eight bytes of the SHA-256 of its JSON
    stored timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, body)
);
CREATE INDEX messages_log_bytes ON messages USING gist (log, bytes);
CREATE INDEX messages_stored ON messages USING brin (stored);

-- A row for each flow. The consumer makes a partition for each day (UTC) on
-- which a flow starts. docs/messages.md says what the values mean.
CREATE TABLE flows (
    sensor_id          text             NOT NULL,
    instance_id        text,                      -- NULL where the sensor has no instance id
    protocol           text             NOT NULL, -- tcp or udp
    src_ip             inet             NOT NULL,
    src_port           integer          NOT NULL,
    dst_ip             inet             NOT NULL,
    dst_port           integer          NOT NULL,
    started            timestamptz      NOT NULL, -- start
    ended              timestamptz      NOT NULL, -- end
    duration           double precision NOT NULL, -- s
    num_bits           bigint           NOT NULL,
    num_packets        bigint,
    bits_per_second    double precision NOT NULL,
    packets_per_second double precision,
    -- NULL in UDP flows
    tcp_rexmit_bytes   bigint,
    tcp_rexmit_pkts    bigint,
    tcp_rexmit_rate    double precision,
    tcp_syn_cnt        bigint,
    tcp_rtt_avg        double precision, -- ms
    tcp_rtt_min        double precision,
    tcp_rtt_max        double precision,
    tcp_rtt_std        double precision,
    tcp_pkts_rto       bigint,
    tcp_pkts_fs        bigint,
    tcp_pkts_reor      bigint,
    tcp_pkts_dup       bigint,
    tcp_pkts_unk       bigint,
    tcp_pkts_fc        bigint,
    tcp_pkts_unrto     bigint,
    tcp_pkts_unfs      bigint,
    tcp_cwin_min       bigint,
    tcp_cwin_max       bigint,
    tcp_out_seq_pkts   bigint,
    tcp_window_scale   bigint,
    tcp_mss            bigint,
    tcp_max_seg_size   bigint,
    tcp_min_seg_size   bigint,
    tcp_win_max        bigint,
    tcp_win_min        bigint,
    tcp_initial_cwin   bigint,
    tcp_sack_cnt       bigint
) PARTITION BY RANGE (started);
CREATE INDEX flows_started ON flows USING brin (started);
