// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Fields of the forms to bind.
const (
	nameField = "name"
	asField   = "as"
	// asFile is the value of asField for a download.
	asFile = "file"
	// kubeconfigField is an uploaded file.
	kubeconfigField = "kubeconfig"
)

// maxUpload is how much of a form is kept in memory. Longer ones do not get here: the body of a request is limited.
const maxUpload = 1 << 20

// bindingName returns the name in the form to bind.
func bindingName(r *http.Request) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", badRequest("The form cannot be read: " + err.Error())
	}
	name := strings.TrimSpace(r.PostForm.Get(nameField))
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return name, badRequest(fmt.Sprintf("The name %q cannot be used: write small letters, digits, '-' and '.', and begin and end with a letter or digit.", name))
	}
	return name, nil
}

// bindForProgram binds for the program that waits, and sends the browser there. It is told only what was chosen if it binds
// by itself. Older ones get the kubeconfig in the address: it goes to their own machine.
func (s *Site) bindForProgram(v *visit) error {
	if v.errand.program == nil {
		return badRequest("No program waits for a binding. Begin anew in your terminal.")
	}
	template := v.r.PathValue("name")
	name, err := bindingName(v.r)
	if err != nil {
		return s.refused(v, name, err)
	}
	answer := url.Values{}
	if v.errand.parameters.Get(responseParameter) == choice {
		if _, _, err := v.guest.Offer(v.r.Context(), template); err != nil {
			return err
		}
		answer.Set("template", template)
		answer.Set("name", name)
	} else {
		wish := Wish{Template: template, Name: name, Identity: v.errand.parameters.Get(consumerParameter)}
		response, err := v.guest.Bind(v.r.Context(), wish)
		if err != nil {
			return s.refused(v, name, err)
		}
		raw, err := json.Marshal(response)
		if err != nil {
			return fmt.Errorf("encoding the binding: %w", err)
		}
		answer.Set("binding_response", base64.URLEncoding.EncodeToString(raw))
	}
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, v.errand.answer(answer), http.StatusSeeOther)
	return nil
}

// bindForPerson binds under the person's own identity, and shows a manifest for a cluster, or has it downloaded.
func (s *Site) bindForPerson(v *visit) error {
	name, err := bindingName(v.r)
	if err != nil {
		return s.refused(v, name, err)
	}
	response, err := v.guest.Bind(v.r.Context(), Wish{Template: v.r.PathValue("name"), Name: name})
	if err != nil {
		return s.refused(v, name, err)
	}
	made, err := newBundle(v.r.PathValue("name"), name, response, s.opts.Version)
	if err != nil {
		return err
	}
	made.Uploads = s.opts.Uploads
	if v.r.PostForm.Get(asField) != asFile {
		s.show(v, showing{name: "bundle", title: "Take it to your cluster", main: made})
		return nil
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/yaml; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", made.File))
	h.Set("Content-Security-Policy", policy(false))
	h.Set("Cache-Control", "no-store")
	write(v.w, v.r, []byte(made.Manifest))
	return nil
}

// bindInCluster binds in the cluster of a kubeconfig that the person uploads, and goes to their bindings.
func (s *Site) bindInCluster(v *visit) error {
	if err := v.r.ParseMultipartForm(maxUpload); err != nil {
		return badRequest("The form cannot be read, or the file is too long.")
	}
	name, err := bindingName(v.r)
	if err != nil {
		return err
	}
	file, _, err := v.r.FormFile(kubeconfigField)
	if err != nil {
		return badRequest("No kubeconfig was uploaded. Go back and choose its file.")
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		return badRequest("The file cannot be read.")
	}
	if err := v.guest.Deliver(v.r.Context(), name, raw); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, v.errand.Link("/bindings"), http.StatusSeeOther)
	return nil
}
