/* SPDX-License-Identifier: MIT
 *
 * Rows of the table counters.
 */
#include "report/row.h"

struct counter_row {
    const uint8_t *addr;
    int family;
};

void cell_counters_host(const struct counter_row *row, struct tca_buf *buf)
{
    tca_buf_ip(buf, row->addr, row->family);
}
