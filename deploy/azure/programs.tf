# Where the programs run: two replicas of a container app, or two machines of a scale set.
variable "container" {
  description = "the image, as account.azurecr.io/orders:1"
  type        = string
}

variable "registry" {
  description = "the ID of the Azure Container Registry that has the image"
  type        = string
}

variable "image" {
  description = "the ID of the disk image, with /usr/local/bin/leader, the program, and the unit (../systemd/orders.service)"
  type        = string
}

variable "subnet" {
  description = "the ID of the machines' subnet, from which the storage account can be reached: by a NAT, a service endpoint or a private one"
  type        = string
}

variable "public_key" {
  type = string
}

resource "azurerm_container_app_environment" "orders" {
  name                = "orders"
  resource_group_name = azurerm_resource_group.orders.name
  location            = azurerm_resource_group.orders.location
}

resource "azurerm_role_assignment" "pull" {
  scope                = var.registry
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.node.principal_id
}

resource "azurerm_container_app" "orders" {
  name                         = "orders"
  resource_group_name          = azurerm_resource_group.orders.name
  container_app_environment_id = azurerm_container_app_environment.orders.id
  revision_mode                = "Single"

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.node.id]
  }

  # The replicas pull the image with their identity, which needs a role for it.
  registry {
    server   = split("/", var.container)[0]
    identity = azurerm_user_assigned_identity.node.id
  }
  # The role first: a program ends if its first request for the lease is refused. When all is destroyed, the role goes last.
  depends_on = [azurerm_role_assignment.node, azurerm_role_assignment.pull]

  template {
    # Never zero: a node that is scaled away does not stand by.
    min_replicas                     = 2
    max_replicas                     = 2
    termination_grace_period_seconds = 60

    container {
      name   = "orders"
      image  = var.container
      cpu    = 0.25
      memory = "0.5Gi"

      env {
        name  = "LEADER_STORE"
        value = "azblob://${azurerm_storage_account.leases.name}/${azurerm_storage_container.leases.name}"
      }
      env {
        name  = "LEADER_NAME"
        value = "orders"
      }
      env {
        name  = "LEADER_DRAIN_TIMEOUT"
        value = "40s"
      }
      # Which of the identities: https://learn.microsoft.com/azure/container-apps/managed-identity
      env {
        name  = "AZURE_CLIENT_ID"
        value = azurerm_user_assigned_identity.node.client_id
      }
    }
  }
}

resource "azurerm_linux_virtual_machine_scale_set" "nodes" {
  name                = "orders"
  resource_group_name = azurerm_resource_group.orders.name
  location            = azurerm_resource_group.orders.location
  sku                 = "Standard_B1s"
  instances           = 2
  source_image_id     = var.image
  admin_username      = "operator"
  upgrade_mode        = "Manual"

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.node.id]
  }
  depends_on = [azurerm_role_assignment.node]

  admin_ssh_key {
    username   = "operator"
    public_key = var.public_key
  }

  os_disk {
    caching              = "ReadOnly"
    storage_account_type = "Standard_LRS"
  }

  network_interface {
    name    = "node"
    primary = true
    ip_configuration {
      name      = "node"
      primary   = true
      subnet_id = var.subnet
    }
  }

  # Five minutes between the notice and the deletion of a machine, for a program that listens for it.
  termination_notification {
    enabled = true
    timeout = "PT5M"
  }
}
