/* host/mlxconfig - firmware settings and versions of NVIDIA NICs.
 *
 * `mlxconfig -e q` (columns Default, Current, Next boot), `mlxconfig q` (Next boot alone),
 * `mlxfwmanager --query` and `flint q`. Settings are `mlx.<PARAM>` (what is in force; with one
 * column what will be), `mlx_next.<PARAM>` where the next boot brings another value, and
 * `mlx_default.<PARAM>` (label). Versions are `ib.fw`, `ib.psid`, `mlxfw.*`.
 *
 * They stand on the RDMA port of the device where one is known, else on its PCI function, else on
 * the host, with the device's name in the path. `/dev/mst/mt4129_pciconf2` is the third function 0
 * with device id 4129 in bus order, so the sources of RDMA ports and of PCI devices must have been
 * read. */
#ifndef HOST_MLXCONFIG_H
#define HOST_MLXCONFIG_H

#include "base/err.h"
#include "facts/node.h"

#define MLX_DEVICES_MAX 128
#define MLX_PARAMS_MAX  2048 /* of one device; ConnectX-7 has some 250 */

bool mlxconfig_looks_like(struct str text);
int mlxconfig_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool mlxfw_looks_like(struct str text);
int mlxfw_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
