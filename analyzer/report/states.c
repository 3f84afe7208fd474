/* SPDX-License-Identifier: MIT
 *
 * Rows of the table states.
 */
#include "report/row.h"

struct state_row {
    int64_t time_ns;
};

void cell_states_t(const struct state_row *row, struct tca_buf *buf)
{
    tca_buf_iso(buf, row->time_ns, 9);
}
