/* SPDX-License-Identifier: MIT */
#include "report/picture.h"
const struct tca_explain_form tca_explain_html = {.name = "html", .turns = 1};
const struct tca_explain_form tca_explain_mermaid = {.name = "mermaid", .turns = 1};
const struct tca_explain_form tca_explain_xplot = {.name = "xplot", .turns = 1};
