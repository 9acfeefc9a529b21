#include "exchange/otherwise.h"

#include <math.h>

static bool router_capped(const struct model_config *config)
{
    return config->experts > 1 && config->router_cap > 0;
}

static bool tempered(const struct model_config *config)
{
    return config->attention_temperature_from > 0 &&
           config->attention_temperature_from < config->context;
}

/* Without a dense path beside them the norm behind the experts takes the gates' sum away. */
static bool gates_felt(const struct model_config *config)
{
    return config->residual_ffn > 0 && config->experts > 1 && !config->router_renormalize;
}

static bool magnified(const struct model_config *config)
{
    double theirs = config->rope_factor > 1 ? 0.1 * log(config->rope_factor) + 1 : 1;

    return fabs(config->rope_magnitude - theirs) > 1e-5;
}

/* Read in llama.cpp's src/models/grok.cpp and seen in its logits: of the first two keys it reads
 * the values and uses them nowhere. What is not here (caps of attention and of the logits, YaRN,
 * the dense path) it does as we do. */
static const struct {
    bool (*holds)(const struct model_config *config);
    const char *text;
} rows[] = {
    {router_capped, "it does not apply model.router_cap"},
    {tempered, "it does not apply model.attention_temperature_from"},
    {gates_felt, "it renormalises the gates, which model.residual_ffn makes felt "
                 "(model.router_renormalize does so here)"},
    {magnified, "it takes 0.1 ln(model.rope_factor) + 1 for model.rope_magnitude"},
};

void otherwise_in_llama(const struct model_config *config, struct buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].holds(config))
            buf_printf(out, "%s%s", out->len > before ? "; " : "", rows[i].text);
}
