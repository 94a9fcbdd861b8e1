// Draws every chart of the page into its place, lets the keys point at curves, and saves charts as files.
(function () {
  "use strict";
  var specs = JSON.parse(document.getElementById("specs").textContent);
  // `ast` evaluates Vega's expressions without `eval`, which the page's security policy forbids.
  var views = [];
  var options = { renderer: "svg", actions: false, ast: true, mode: "vega-lite" };

  document.querySelectorAll(".chart").forEach(function (place) {
    var name = place.dataset.chart;
    window.vegaEmbed(place, specs[name], options).then(
      function (result) {
        place.style.minHeight = "";
        views.push({ place: place, view: result.view });
        point(place.closest("figure"), result.view);
      },
      function (error) {
        place.textContent = "This chart could not be drawn: " + error.message;
        place.style.minHeight = "";
      }
    );
  });

  // On paper a chart is drawn anew at the width that it gets there, so that its letters keep their size.
  window.addEventListener("beforeprint", function () {
    views.forEach(function (drawn) {
      drawn.view.width(drawn.place.closest(".wide") ? 600 : 270).run();
    });
  });
  window.addEventListener("afterprint", function () {
    window.dispatchEvent(new Event("resize"));
  });

  function point(figure, view) {
    figure.querySelectorAll("button.key").forEach(function (key) {
      var label = key.dataset.label;
      var held = false;
      function focus(value) {
        try {
          view.signal("focus", value).runAsync();
        } catch (error) {
          /* this chart has nothing to point at */
        }
      }
      function release() {
        if (!held) focus("");
      }
      key.addEventListener("pointerenter", function () { focus(label); });
      key.addEventListener("pointerleave", release);
      key.addEventListener("click", function () {
        held = !held;
        figure.querySelectorAll("button.key").forEach(function (other) {
          other.setAttribute("aria-pressed", String(other === key && held));
        });
        focus(held ? label : "");
      });
    });
  }

  document.querySelectorAll("button[data-save]").forEach(function (button) {
    button.addEventListener("click", function () {
      var figure = button.closest("figure");
      var name = figure.querySelector(".chart").dataset.chart;
      var spec = JSON.parse(JSON.stringify(specs[name]));
      spec.width = 640;
      spec.padding = 16;
      spec.title = { text: figure.querySelector("h3").textContent, anchor: "start", offset: 12 };
      spec.config.background = "#ffffff";
      spec.config.legend.disable = false;
      window.vegaEmbed(document.createElement("div"), spec, options).then(function (result) {
        return result.view.toImageURL(button.dataset.save, 2).then(function (url) {
          var link = document.createElement("a");
          link.href = url;
          link.download = name + "." + button.dataset.save;
          link.click();
          result.finalize();
        });
      });
    });
  });
})();
