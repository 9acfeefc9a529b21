/* fleetgen/render - a node's lspci text, from templates.
 *
 * The real lspci prints each distinct function once. Its text becomes a template: literal pieces
 * and holes for what differs from node to node (struct config_noise, the IOMMU group). Into the
 * template goes also what `lspci -F` cannot know from the bytes: region sizes, NUMA node, driver.
 * A node's text is then put together by copying. A test holds this against a direct `lspci -F`. */
#ifndef FLEETGEN_RENDER_H
#define FLEETGEN_RENDER_H

#include "base/err.h"
#include "base/str.h"
#include "confspace.h"
#include "model.h"

struct renderer;
struct template;

/* One kind of node: a machine that is laid out, its functions in bus order, their templates. */
struct variant {
    struct machine machine;
    int order[MACHINE_FUNCTIONS_MAX], order_count; /* indices of the functions present */
    struct config_map maps[MACHINE_FUNCTIONS_MAX];
    const struct template *templates[MACHINE_FUNCTIONS_MAX]; /* by index; owned by the renderer */
};

/* What differs from node to node, by function index. */
struct lspci_noise {
    struct config_noise functions[MACHINE_FUNCTIONS_MAX];
    uint16_t iommu_group[MACHINE_FUNCTIONS_MAX];
    bool old; /* lspci 3.6 wrote the text */
};

/* Templates live as long as the renderer. NULL when there is no memory. */
struct renderer *renderer_new(void);
void renderer_free(struct renderer *renderer);

/* Lay out variant->machine, order its functions and find or make their templates (one run of lspci
 * for all that are new). Returns 0 or a negative errno. */
int renderer_prepare(struct renderer *renderer, struct variant *variant, struct err *err);

/* Append the node's `lspci -vvvnn`. */
void render_lspci(const struct variant *variant, const struct lspci_noise *noise, struct buf *out);

/* The node's bytes as text for `lspci -F`; and one function's bytes. */
void render_hex(const struct variant *variant, const struct lspci_noise *noise, struct buf *out);
void render_config(const struct variant *variant, const struct lspci_noise *noise, int index,
                   uint8_t bytes[CONFIG_BYTES]);

/* Where a function stands on this node. */
struct bdf {
    uint32_t domain;
    uint8_t bus, device, function;
};
struct bdf render_bdf(const struct variant *variant, const struct lspci_noise *noise, int index);

#endif
