/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: what other programs call it, and its kin.
 */
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
    tca_community_id(row->d, TCA_COMMUNITY_SEED, buf);
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
NULL_CELL(attempt_group)
NULL_CELL(nat_of)
NULL_CELL(conntrack_state)
NULL_CELL(client_ts_hz)
NULL_CELL(server_ts_hz)
NULL_CELL(client_ts_clock)
NULL_CELL(server_ts_clock)
