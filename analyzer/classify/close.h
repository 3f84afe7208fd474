/* SPDX-License-Identifier: MIT
 *
 * What others ask about closes.
 */
#ifndef TCA_CLASSIFY_CLOSE_H
#define TCA_CLASSIFY_CLOSE_H

#include "classify/finding.h"

/* The server acknowledged the client's FIN and then neither closed nor sent data for more than a minute: it
 * sits in CLOSE_WAIT. Needs capture_end_ns. For the sweep's count of such connections. */
bool tca_server_close_wait_idle(const struct tca_dossier *d);

#endif
