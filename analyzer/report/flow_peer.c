/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: what other programs call it, and its kin.
 */
#include "classify/sweep/nat.h"
#include "report/community.h"
#include "report/row.h"

void cell_flows_tcp_stream(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->tcp_stream != TCA_NO_STREAM)
        tca_buf_u64(buf, row->d->tcp_stream);
}

void cell_flows_completeness(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->tcp_stream != TCA_NO_STREAM)
        tca_buf_u64(buf, row->d->completeness);
}

void cell_flows_community_id(const struct flow_row *row, struct tca_buf *buf)
{
    tca_community_id(row->d, row->opt->anon, TCA_COMMUNITY_SEED, buf);
}

void cell_flows_attempt_group(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->attempt_of)
        tca_text_flow_id(buf, row->capture, row->d->capture, row->d->attempt_of);
}

void cell_flows_nat_of(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->nat == TCA_NAT_AFTER)
        tca_text_flow_id(buf, row->capture, row->d->capture, row->d->nat_frame);
}

void cell_flows_conn_state(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_zeek_conn_state(&row->d->peer.zeek));
}

void cell_flows_history(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_zeek *zeek = &row->d->peer.zeek;
    tca_buf_add(buf, zeek->history, zeek->letters);
    if (zeek->cut)
        tca_buf_str(buf, "+");
}

void cell_flows_conntrack_state(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_conntrack_name(&row->d->peer.conntrack));
}

static void hz(const struct flow_row *row, int role, struct tca_buf *buf)
{
    uint32_t hz = tca_clock_hz(&row->d->peer.clock[row->d->key_side[role]]);
    if (hz)
        tca_buf_u64(buf, hz);
}

void cell_flows_client_ts_hz(const struct flow_row *row, struct tca_buf *buf)
{
    hz(row, TCA_CLIENT, buf);
}

void cell_flows_server_ts_hz(const struct flow_row *row, struct tca_buf *buf)
{
    hz(row, TCA_SERVER, buf);
}

/* What the connections of its address tell together, of one that took part. */
static void clock_kind(const struct flow_row *row, int role, struct tca_buf *buf)
{
    if (row->d->peer.clock[row->d->key_side[role]].known)
        tca_buf_str(buf, tca_clock_kind_name(row->c->host[role]->clock));
}

void cell_flows_client_ts_clock(const struct flow_row *row, struct tca_buf *buf)
{
    clock_kind(row, TCA_CLIENT, buf);
}

void cell_flows_server_ts_clock(const struct flow_row *row, struct tca_buf *buf)
{
    clock_kind(row, TCA_SERVER, buf);
}
