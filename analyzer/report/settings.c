/* SPDX-License-Identifier: MIT
 *
 * Rows of the table settings.
 */
#include "report/row.h"

struct setting_row {
    const uint8_t *addr;
    int family;
};

void cell_settings_host(const struct setting_row *row, struct tca_buf *buf)
{
    tca_buf_ip(buf, row->addr, row->family);
}
