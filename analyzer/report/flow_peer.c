/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: what other programs call it, and its kin.
 */
#include "classify/twin/nat.h"
#include "report/community.h"
#include "report/row.h"

void cell_flows_tcp_stream(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->d->tcp_stream);
}

void cell_flows_community_id(const struct flow_row *row, struct tca_buf *buf)
{
    tca_community_id(row->d, buf);
}

void cell_flows_attempt_group(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->attempt_of)
        tca_text_flow_id(buf, row->d->capture, row->d->attempt_of);
}

void cell_flows_nat_of(const struct flow_row *row, struct tca_buf *buf)
{
    if (row->d->nat == TCA_NAT_AFTER)
        tca_text_flow_id(buf, row->d->capture, row->d->nat_frame);
}

/* ---- not computed yet: null ---- */

#define NULL_CELL(name)                                                                                      \
    void cell_flows_##name(const struct flow_row *row, struct tca_buf *buf)                                  \
    {                                                                                                        \
        (void)row;                                                                                           \
        (void)buf;                                                                                           \
    }

NULL_CELL(conn_state)
NULL_CELL(history)
NULL_CELL(completeness)
NULL_CELL(conntrack_state)
NULL_CELL(client_ts_hz)
NULL_CELL(server_ts_hz)
NULL_CELL(client_ts_clock)
NULL_CELL(server_ts_clock)
