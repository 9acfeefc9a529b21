#include "mutate_rows.h"

const struct mutation *mutation_at(size_t index)
{
    if (index < mutations_pci_count)
        return &mutations_pci[index];
    index -= mutations_pci_count;
    return index < mutations_host_count ? &mutations_host[index] : NULL;
}

const struct mutation *mutation_find(const char *id)
{
    const struct mutation *mutation;

    for (size_t i = 0; (mutation = mutation_at(i)) != NULL; i++)
        if (strcmp(mutation->id, id) == 0)
            return mutation;
    return NULL;
}

bool mutation_fits(const struct mutation *mutation, const struct machine *machine)
{
    const struct model *model;

    for (size_t i = 0; (model = model_at(i)) != NULL; i++)
        if (strcmp(model->name, machine->model) == 0)
            return mutation->models >> i & 1;
    return false;
}
