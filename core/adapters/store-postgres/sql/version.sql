SELECT version, oldest FROM casehug_clio.schema_version;
