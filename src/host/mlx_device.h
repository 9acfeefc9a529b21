/* host/mlx_device - which NIC do the Mellanox tools mean? */
#ifndef HOST_MLX_DEVICE_H
#define HOST_MLX_DEVICE_H

#include "facts/node.h"

/* A tool's name of a device ("0000:19:00.0", "/dev/mst/mt4129_pciconf0.1", "mlx5_0") as the subject
 * of its RDMA port, else of its PCI function; -1 when the node knows neither. */
int mlx_device_find(struct node *node, struct str name);

/* Without the folder: "mt4129_pciconf0". */
struct str mlx_device_name(struct str name);

#endif
