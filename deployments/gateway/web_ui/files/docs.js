// Every route, out of the service's own description.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // no description is sent to anybody
});
