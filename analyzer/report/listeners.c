/* SPDX-License-Identifier: MIT
 *
 * Rows of the table listeners.
 */
#include "report/row.h"

struct listener_row {
    const struct tca_listener *l;
    const struct tca_capture_facts *capture;
    const struct tca_report_options *opt;
};

void cell_listeners_server_ip(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_ip(buf, row->l->addr, row->l->family);
}

void cell_listeners_server_port(const struct listener_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->l->port);
}
